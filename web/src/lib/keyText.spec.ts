import { describe, expect, it } from "vitest";
import { readKeys } from "./keyText";

describe("readKeys", () => {
  it("takes a key per line, comma or blank", () => {
    expect(readKeys("sk-1\r\nsk-2, sk-3\n\n sk-4 ;sk-5").keys).toEqual(["sk-1", "sk-2", "sk-3", "sk-4", "sk-5"]);
  });

  it("takes the right column of a CSV file, whatever is in the others", () => {
    const csv = '\uFEFFid,"key_value",note\r\n1,sk-1,"a, ""quoted""\nnote"\r\n2,"sk-2",\r\n';
    expect(readKeys(csv).keys).toEqual(["sk-1", "sk-2"]);
  });

  it("takes back what the server exported", () => {
    const exported = "id,key_value,state,weight,quota_group,note\r\n7,'=key-that-looks-like-a-formula,active,1,,\r\n";
    expect(readKeys(exported).keys).toEqual(["=key-that-looks-like-a-formula"]);
  });

  it("takes JSON: a list of texts, of objects, or an object around a list", () => {
    expect(readKeys('["sk-1", "sk-2"]').keys).toEqual(["sk-1", "sk-2"]);
    expect(readKeys('[{"api_key": "sk-1"}, {"key": "sk-2", "note": "x"}]').keys).toEqual(["sk-1", "sk-2"]);
    expect(readKeys('{"keys": ["sk-1"]}').keys).toEqual(["sk-1"]);
  });

  it("counts what is repeated, and keeps the first", () => {
    expect(readKeys("sk-1\nsk-2\nsk-1\nsk-1")).toEqual({ keys: ["sk-1", "sk-2"], repeated: 2, bad: [] });
  });

  it("says where something is that can be no key, and not what", () => {
    const { keys, bad } = readKeys(`sk-1\nключ\n${"k".repeat(8193)}`);
    expect(keys).toEqual(["sk-1"]);
    expect(bad).toEqual([{ line: 2, why: "not_ascii" }, { line: 3, why: "too_long" }]);
  });

  it("finds nothing in nothing", () => {
    for (const text of ["", "  \n ", "[]", "{}"]) expect(readKeys(text).keys, text).toEqual([]);
  });
});
