//! Reading the members of an object, with the path to each for whoever has to mend it.

use std::{borrow::Cow, fmt};

use crate::{
    json::{Json, Members},
    neutral::{Error, Losses},
};

/// Where a value stands in a body, such as `messages[0].content`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Body,
    Member(&'p str),
    Item(usize),
}

/// An object that is taken apart, member by member. Members of the wrong type are errors that name them.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'p> {
    members: Members<'a>,
    pub(crate) path: Path<'p>,
}

impl<'p> Path<'p> {
    /// The body itself.
    pub(crate) const BODY: Self = Self { parent: None, step: Step::Body };

    /// A member of what stands here.
    pub(crate) fn member<'c>(&'c self, name: &'c str) -> Path<'c>
    where
        'p: 'c,
    {
        Path { parent: Some(self), step: Step::Member(name) }
    }

    /// An item of the array that stands here.
    pub(crate) fn item<'c>(&'c self, index: usize) -> Path<'c>
    where
        'p: 'c,
    {
        Path { parent: Some(self), step: Step::Item(index) }
    }

    /// An error about what stands here; `why` goes on the sentence "`messages[0].role` …".
    pub(crate) fn error(&self, why: impl Into<Cow<'static, str>>) -> Error {
        Error::Invalid { path: self.to_string(), why: why.into() }
    }

    /// The same place in every item of an array, such as `messages[].content`.
    pub(crate) fn kind_of_place(&self) -> String {
        self.to_string().split('[').map(after_index).collect::<Vec<_>>().join("[")
    }
}

/// What follows an index: `0].content` becomes `].content`. A member's name may look like one; nothing is lost then.
fn after_index(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent.map(|parent| parent.step)) {
            (Step::Body, _) => Ok(()),
            (Step::Member(name), None | Some(Step::Body)) => f.write_str(name),
            (Step::Member(name), _) => write!(f, ".{name}"),
            (Step::Item(index), _) => write!(f, "[{index}]"),
        }
    }
}

impl<'a, 'p> Fields<'a, 'p> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn of(json: Json<'a>, path: Path<'p>) -> Result<Self, Error> {
        match json {
            Json::Object(members) => Ok(Self { members, path }),
            _ => Err(path.error("must be an object")),
        }
    }

    /// A member, whatever it is; `null` is as good as none.
    pub(crate) fn json(&mut self, name: &str) -> Option<Json<'a>> {
        self.members.take(name)
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        match self.members.take(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.path.member(name).error("must be a string")),
        }
    }

    /// A text that has to be there.
    pub(crate) fn need_text(&mut self, name: &str) -> Result<Cow<'a, str>, Error> {
        self.text(name)?.ok_or_else(|| self.path.member(name).error("is missing"))
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<f64>, Error> {
        let Some(json) = self.members.take(name) else { return Ok(None) };
        json.as_f64().map(Some).ok_or_else(|| self.path.member(name).error("must be a number"))
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u64>, Error> {
        let Some(json) = self.members.take(name) else { return Ok(None) };
        json.as_u64()
            .map(Some)
            .ok_or_else(|| self.path.member(name).error("must be a whole number, not negative"))
    }

    /// A flag.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        match self.members.take(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.path.member(name).error("must be true or false")),
        }
    }

    /// An array; none is as good as an empty one.
    pub(crate) fn array(&mut self, name: &str) -> Result<Vec<Json<'a>>, Error> {
        match self.members.take(name) {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => Ok(items),
            Some(_) => Err(self.path.member(name).error("must be an array")),
        }
    }

    /// The members of an object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Members<'a>>, Error> {
        match self.members.take(name) {
            None => Ok(None),
            Some(Json::Object(members)) => Ok(Some(members)),
            Some(_) => Err(self.path.member(name).error("must be an object")),
        }
    }

    /// Takes members out that say nothing to anybody else, such as defaults that are told.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.members.take(name);
        }
    }

    /// Everything that nobody took is lost.
    pub(crate) fn finish(self, losses: &mut Losses) {
        for (name, value) in self.members.iter() {
            if !value.is_null() {
                losses.lose(&self.path.member(name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_place() {
        let messages = Path::BODY.member("messages");
        let first = messages.item(0);
        let json = Json::parse(br#"{"role":7}"#).unwrap();

        let error = Fields::of(json, first).unwrap().need_text("role").unwrap_err();

        assert_eq!(error.to_string(), "`messages[0].role` must be a string");
        assert_eq!(
            first.member("content").item(12).member("text").kind_of_place(),
            "messages[].content[].text"
        );
    }

    #[test]
    fn what_nobody_took_is_told_once() {
        let mut losses = Losses::default();
        let items = Path::BODY.member("items");
        for index in 0..2 {
            let json = Json::parse(br#"{"known":1,"nothing":null,"strange":1}"#).unwrap();
            let at = items.item(index);
            let mut fields = Fields::of(json, at).unwrap();
            assert_eq!(fields.count("known").unwrap(), Some(1));
            fields.finish(&mut losses);
        }

        assert_eq!(losses.names(), ["items[].strange"]);
    }
}
