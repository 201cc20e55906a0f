/** What a person pasted or a file holds, taken apart. */
export interface KeyText {
  /** Each key once, in the order in which they stand there. */
  keys: string[];
  /** How many more times one of them stands there. */
  repeated: number;
  /** What can be no key: where it stands, and why. Never the text, which may be a secret. */
  bad: { line: number; why: "not_ascii" | "too_long" }[];
}

/** Longest key that the server takes, in bytes. */
const MAX_LENGTH = 8192;
/** How the column of keys may be called in a CSV file. */
const COLUMNS = ["key_value", "key", "api_key", "apikey", "token", "secret"];

type Found = { text: string; line: number };

/** Reads JSON (a list of texts, or of objects with a key), CSV with a head, or one key per line, comma or blank. */
export function readKeys(text: string): KeyText {
  const seen = new Set<string>();
  const result: KeyText = { keys: [], repeated: 0, bad: [] };
  for (const { text: key, line } of find(text.replace(/^\uFEFF/, ""))) {
    if (key.length > MAX_LENGTH) result.bad.push({ line, why: "too_long" });
    else if (!/^[\x20-\x7e]+$/.test(key)) result.bad.push({ line, why: "not_ascii" });
    else if (seen.has(key)) result.repeated++;
    else {
      seen.add(key);
      result.keys.push(key);
    }
  }
  return result;
}

function find(text: string): Found[] {
  return (fromJson(text) ?? fromCsv(text) ?? fromLines(text)).filter((found) => found.text !== "");
}

function fromJson(text: string): Found[] | null {
  if (!/^\s*[[{]/.test(text)) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const list = Array.isArray(value) ? value : isObject(value) ? (Object.values(value).find(Array.isArray) ?? []) : [];
  return (list as unknown[]).flatMap((item, index) => {
    const key = isObject(item) ? COLUMNS.map((name) => item[name]).find((known) => typeof known === "string") : item;
    return typeof key === "string" ? [{ text: key.trim(), line: index + 1 }] : [];
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fromCsv(text: string): Found[] | null {
  // Most texts are no CSV: the first line tells.
  const [head] = csvRows(text.slice(0, (text.indexOf("\n") + 1 || text.length + 1) - 1));
  const column = head?.cells.findIndex((name) => COLUMNS.includes(name.trim().toLowerCase())) ?? -1;
  if (column < 0) return null;
  return csvRows(text).slice(1).map(({ cells, line }) => ({ text: unguarded(cells[column]?.trim() ?? ""), line }));
}

/** Spreadsheets are kept from reading a cell as a formula by an apostrophe, in our own exports too. */
function unguarded(cell: string): string {
  return /^'[=+\-@]/.test(cell) ? cell.slice(1) : cell;
}

/** Rows of a CSV file: cells in quotes may hold commas, line breaks and doubled quotes. */
function csvRows(text: string): { cells: string[]; line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  let [cells, cell, line, start, isQuoted]: [string[], string, number, number, boolean] = [[], "", 1, 1, false];
  const endRow = () => {
    rows.push({ cells: [...cells, cell], line: start });
    [cells, cell] = [[], ""];
  };
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\n") line++;
    if (isQuoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') cell += text[at++];
      else isQuoted = false;
    } else if (char === '"' && cell === "") isQuoted = true;
    else if (char === "," || char === ";" || char === "\t") {
      cells.push(cell);
      cell = "";
    } else if (char === "\n") {
      endRow();
      start = line;
    } else if (char !== "\r") cell += char;
  }
  if (cell !== "" || cells.length > 0) endRow();
  return rows;
}

function fromLines(text: string): Found[] {
  return text.split(/\r?\n/).flatMap((row, index) =>
    row.split(/[\s,;]+/).map((part) => ({ text: part.replace(/^["']|["']$/g, ""), line: index + 1 })),
  );
}
