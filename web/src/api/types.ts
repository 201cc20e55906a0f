import type { components, operations } from "./schema.gen";

type Schemas = components["schemas"];

export type Service = Schemas["ProxyConfig"];
export type ServiceForm = Schemas["ProxyConfigForm"];
export type ApiKey = Schemas["ApiKey"];
export type KeyState = ApiKey["state"];
export type KeyCounts = Schemas["KeyCounts"];
export type KeyPatch = Schemas["KeyPatch"];
export type KeyBatchReport = Schemas["KeyBatchReport"];
export type Job = Schemas["Job"];
export type NewJob = Schemas["NewJob"];
export type JobAction = Schemas["JobAction"];
export type LoggedRequest = Schemas["LoggedRequest"];
export type RequestDetail = Schemas["RequestDetail"];
export type Attempt = Schemas["Attempt"];
export type ProxyKey = Schemas["ProxyKey"];
export type ProxyKeyForm = Schemas["NewProxyKey"];
export type AuditItem = Schemas["AuditItem"];
export type AppConfig = Schemas["AppConfig"];
export type Instance = Schemas["Instance"];
export type CurrentInstance = Schemas["CurrentInstance"];
export type Target = Schemas["Target"];
export type Rule = Schemas["Rule"];
export type ErrorSample = Schemas["ErrorSample"];
export type ImaginedAnswer = Schemas["Sample"];
export type Verdict = Schemas["Verdict"];
export type Setting = Schemas["Setting"];
export type Settings = Schemas["Settings"];
export type Price = Schemas["Price"];
export type PriceSeed = Schemas["PriceSeed"];
export type Notifications = Schemas["Notifications"];
/** One that is there, or one to be. */
export type Webhook = Omit<Schemas["Webhook"], "id"> & Pick<Schemas["WebhookForm"], "id">;
export type Stats = Schemas["Stats"];
export type StatsQuery = NonNullable<operations["showStats"]["parameters"]["query"]>;
export type RequestQuery = NonNullable<operations["listRequests"]["parameters"]["query"]>;
export type KeyQuery = NonNullable<operations["listKeys"]["parameters"]["query"]>;
