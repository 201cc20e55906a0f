//! Small JSON values of all shapes, for property tests.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Values whose texts are often one of these, and whose members are often called one of those: `a|b`.
pub(crate) fn any_json(texts: &'static str, names: &'static str) -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a\"\\\\:{}é, ]{0,5}", texts].prop_map(Value::from);
    let leaf = prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from), text];
    let name = prop_oneof![names, "[a\"\\\\:]{0,3}"];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}
