import createClient, { type Middleware } from "openapi-fetch";
import { Problem, problemOf } from "./problem";
import type { paths } from "./schema.gen";

/** What the session lends to every call, and what ends with it. */
export const session = {
  csrfToken: "",
  /** Called when the server no longer knows the session. */
  onEnd: () => {},
};

const middleware: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && session.csrfToken) {
      request.headers.set("x-csrf-token", session.csrfToken);
    }
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/api/admin/login") {
      session.onEnd();
    }
  },
};

/** The admin API. The session is in a cookie that no script can read. */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  // Looked up at each call, so that tests can stand in for the network.
  fetch: (request) => window.fetch(request),
});
api.use(middleware);

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The body of a good answer; anything else is thrown as a `Problem`. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch {
    throw new Problem({ code: "offline" });
  }
  if (!answer.response.ok) {
    throw problemOf(answer.response, answer.error);
  }
  return answer.data as T;
}
