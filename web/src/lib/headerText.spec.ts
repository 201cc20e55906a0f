import { expect, it } from "vitest";
import { headersOf, textOfHeaders } from "./headerText";

it("headers are read line by line, and lines that are none are passed over", () => {
  expect(headersOf("Retry-After: 20\r\n  x-reset :  a:b \n\nno header\n: nameless")).toEqual({ "Retry-After": "20", "x-reset": "a:b" });
});

it("headers that were written are read as they were", () => {
  const headers = [{ name: "retry-after", value: "20" }, { name: "x-limit", value: "a: b" }];
  expect(headersOf(textOfHeaders(headers))).toEqual({ "retry-after": "20", "x-limit": "a: b" });
});
