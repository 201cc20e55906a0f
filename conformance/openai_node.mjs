// The cases of `openai` for Node. Usage: node openai_node.mjs CASE, with BASE_URL, PROXY_KEY and STEP_URL.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const TEXT = 'Hello, wörld!';
const messages = [{ role: 'user', content: 'hi' }];
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
const { BASE_URL: baseURL, PROXY_KEY: apiKey, STEP_URL: stepUrl } = process.env;
const client = new OpenAI({ baseURL, apiKey });

const create = (fields, from = client) => from.chat.completions.create({ model: 'text', messages, ...fields });

async function drain(model) {
  for await (const _ of await create({ model, stream: true }));
}

const cases = {
  async text() {
    assert.equal((await create()).choices[0].message.content, TEXT);
  },
  async stream() {
    let text = '';
    for await (const chunk of await create({ model: 'stepwise', stream: true })) {
      const piece = chunk.choices[0].delta.content;
      if (!piece) continue;
      text += piece;
      await fetch(stepUrl, { method: 'POST' });
    }
    assert.equal(text, TEXT);
  },
  async tool() {
    const call = (await create({ tools })).choices[0].message.tool_calls[0].function;
    assert.deepEqual([call.name, JSON.parse(call.arguments)], ['weather', { city: 'Paris' }]);
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ['text']);
  },
  async 'wrong-key'() {
    await assert.rejects(create({}, new OpenAI({ baseURL, apiKey: 'wrong' })), (error) => {
      assert(error instanceof OpenAI.AuthenticationError);
      assert.deepEqual([error.type, error.code], ['invalid_request_error', 'invalid_api_key']);
      return true;
    });
  },
  async limited() {
    await assert.rejects(create(), (error) => {
      assert(error instanceof OpenAI.RateLimitError);
      return error.code === 'rate_limit_exceeded';
    });
  },
  async cut() {
    await assert.rejects(drain('cut'), (error) => error instanceof OpenAI.APIError && error.code === 'upstream_failed');
  },
  // The SDK parses the half-sent event before it sees the error that follows: either may be what it throws.
  async 'cut-within'() {
    await assert.rejects(drain('cut-within'));
  },
};

await cases[process.argv[2]]();
