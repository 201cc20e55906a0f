/** Headers as a person writes them: one in each line, the name before the colon. */
export function headersOf(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line));
  return Object.fromEntries(lines.flatMap((parts) => (parts ? [[parts[1] ?? "", parts[2] ?? ""] as const] : [])));
}

/** The same, the other way round. */
export function textOfHeaders(headers: { name: string; value: string }[]): string {
  return headers.map(({ name, value }) => `${name}: ${value}`).join("\n");
}
