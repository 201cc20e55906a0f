// @vitest-environment node
import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

const HOW = "run `npm run api` in web/";

it(`the client's types are those of docs/openapi.json: ${HOW}`, async () => {
  const document = new URL("../../../docs/openapi.json", import.meta.url);
  const generated = astToString(await openapiTS(document, { alphabetize: true, defaultNonNullable: false }));

  const committed = readFileSync(new URL("schema.gen.ts", import.meta.url), "utf8");
  // The command line puts a notice on top.
  expect(committed.endsWith(generated), HOW).toBe(true);
});
