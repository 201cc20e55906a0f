import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import texts from "../locales/reference.zh-CN.json";
import { fieldsOf, referenceOf, translated } from "./reference";

const document: unknown = JSON.parse(readFileSync("../docs/openapi.json", "utf8"));
const operations = referenceOf(document).groups.flatMap((group) => group.operations);
const of = (id: string) => operations.find((operation) => operation.id === id);

it("every operation of the document is in a group", () => {
  const { paths } = document as { paths: Record<string, object> };
  expect(operations.length).toBe(Object.values(paths).reduce((sum, item) => sum + Object.keys(item).length, 0));
  for (const { id, summary, answers } of operations) expect([summary !== "", answers.length > 0], id).toEqual([true, true]);
});

it("an operation tells what it takes and what it answers", () => {
  expect(of("createKey")).toMatchObject({ method: "POST", path: "/api/admin/proxy-configs/{id}/keys", body: { type: "NewKey", of: "NewKey" } });
  expect(of("createKey")?.parameters).toMatchObject([{ name: "id", place: "path", isRequired: true, type: "integer" }]);
  expect(of("showStats")?.answers[0]).toMatchObject({ status: "200", shape: { of: "Stats" } });
});

it("the fields of an object have types, those of others among them", () => {
  const field = (schema: string, name: string) => fieldsOf(document, schema).find((known) => known.name === name);
  expect(field("Setting", "value")).toMatchObject({ type: "string | null", isRequired: true });
  expect(field("Stats", "series")).toMatchObject({ type: "StatsStep[]", of: "StatsStep" });
  expect(field("RequestDetail", "trace")).toMatchObject({ of: "RequestTrace" });
  expect(field("RequestDetail", "request_id")).toMatchObject({ type: "string" });
  expect(field("ProxyConfigForm", "rules")).toMatchObject({ type: "Rule[] | null", of: "Rule", isRequired: false });
  expect(fieldsOf(document, "Nothing")).toEqual([]);
});

it("all that is shown of the document has a Chinese text, and no other has", () => {
  const { groups } = referenceOf(document);
  const { schemas } = (document as { components: { schemas: object } }).components;
  const shown = [
    ...groups.flatMap(({ name, description }) => [name, description]),
    ...operations.flatMap(({ summary, description }) => [summary, description]),
    ...operations.flatMap(({ parameters, answers }) => [...parameters, ...answers].map(({ description }) => description)),
    ...Object.keys(schemas).flatMap((schema) => fieldsOf(document, schema).map(({ description }) => description)),
  ];
  const wanted = new Set(shown.filter(Boolean));
  expect([...wanted].filter((text) => !(text in texts))).toEqual([]);
  expect(Object.keys(texts).filter((text) => !wanted.has(text))).toEqual([]);
});

it("only what people read is translated", () => {
  const before = { summary: "a", tags: ["a"], properties: { description: { description: "b", example: "a" } } };
  const after = { summary: "A", tags: ["a"], properties: { description: { description: "B", example: "a" } } };
  expect(translated(before, (text) => text.toUpperCase())).toEqual(after);
});
