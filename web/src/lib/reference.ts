/** What of an OpenAPI document a reader needs. */
export interface Reference {
  title: string;
  version: string;
  groups: Group[];
}

export interface Group {
  name: string;
  description: string;
  operations: Operation[];
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  parameters: Field[];
  body: Shape | null;
  answers: Answer[];
}

export interface Answer {
  status: string;
  description: string;
  shape: Shape | null;
}

/** A parameter, or a property of an object. */
export interface Field {
  name: string;
  /** `path` or `query`, of a parameter. */
  place: string;
  type: string;
  isRequired: boolean;
  description: string;
  /** The object that it is, or of which it has several. */
  of: string | null;
}

/** What a body is: the name of a type, its own fields, or both. */
export interface Shape {
  type: string;
  of: string | null;
}

type Json = Record<string, unknown>;

const object = (value: unknown): Json => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const METHODS = ["get", "post", "put", "patch", "delete"];
const PREFIX = "#/components/schemas/";
const TEXTS = ["summary", "description"];

/** The same document with all that people read of it as `say` has it. */
export function translated(document: unknown, say: (text: string) => string): unknown {
  if (Array.isArray(document)) return document.map((item) => translated(item, say));
  if (typeof document !== "object" || document === null) return document;
  const entries = Object.entries(document).map(([name, value]) => [name, typeof value === "string" && TEXTS.includes(name) ? say(value) : translated(value, say)]);
  return Object.fromEntries(entries);
}

/** The document as groups of operations, in its own order. */
export function referenceOf(document: unknown): Reference {
  const { info, tags, paths } = object(document);
  const operations = Object.entries(object(paths)).flatMap(([path, item]) =>
    METHODS.filter((method) => method in object(item)).map((method) => ({ tag: text(list(object(object(item)[method]).tags)[0]), operation: operationOf(path, method, object(object(item)[method])) })),
  );
  const groups = list(tags).map((tag) => ({
    name: text(object(tag).name),
    description: text(object(tag).description),
    operations: operations.filter((known) => known.tag === object(tag).name).map((known) => known.operation),
  }));
  return { title: text(object(info).title), version: text(object(info).version), groups };
}

function operationOf(path: string, method: string, operation: Json): Operation {
  const content = (value: unknown) => object(Object.values(object(object(value).content))[0]).schema;
  return {
    id: text(operation.operationId),
    method: method.toUpperCase(),
    path,
    summary: text(operation.summary),
    description: text(operation.description),
    parameters: list(operation.parameters).map((parameter) => {
      const { name, in: place, required, description, schema } = object(parameter);
      return { ...shapeOf(schema), name: text(name), place: text(place), isRequired: required === true, description: text(description) };
    }),
    body: operation.requestBody === undefined ? null : shapeOf(content(operation.requestBody)),
    answers: Object.entries(object(operation.responses)).map(([status, answer]) => {
      const schema = content(answer);
      return { status, description: text(object(answer).description), shape: schema === undefined ? null : shapeOf(schema) };
    }),
  };
}

/** The fields of a named object, those that it takes over from others first. */
export function fieldsOf(document: unknown, name: string): Field[] {
  const schemas = object(object(object(document).components).schemas);
  const own = (schema: Json): Field[] => [
    ...list(schema.allOf).flatMap((part) => (text(object(part).$ref) ? fieldsOf(document, nameOf(object(part))) : own(object(part)))),
    ...Object.entries(object(schema.properties)).map(([field, value]) => ({
      ...shapeOf(value),
      name: field,
      place: "",
      isRequired: list(schema.required).includes(field),
      description: text(object(value).description),
    })),
  ];
  return own(object(schemas[name]));
}

const nameOf = (schema: Json): string => text(schema.$ref).replace(PREFIX, "");

function shapeOf(value: unknown): Shape {
  const schema = object(value);
  if (schema.$ref) return { type: nameOf(schema), of: nameOf(schema) };
  const several = list(schema.oneOf ?? schema.anyOf ?? (list(schema.allOf).length === 1 ? schema.allOf : undefined)).map(shapeOf);
  if (several.length > 0) return { type: several.map(({ type }) => type).join(" | "), of: several.find(({ of }) => of !== null)?.of ?? null };
  if (Array.isArray(schema.enum)) return { type: schema.enum.map((choice) => JSON.stringify(choice)).join(" | "), of: null };
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).map(text).filter(Boolean);
  if (!types.includes("array")) return { type: types.join(" | ") || "any", of: null };
  const item = shapeOf(schema.items);
  return { type: types.map((type) => (type === "array" ? `${item.type}[]` : type)).join(" | "), of: item.of };
}
