// The `ai` packages. Usage: node ai_sdk.mjs CLIENT, with BASE_URL (of a service, without a version) and PROXY_KEY.
import assert from 'node:assert/strict';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const PIECES = ['Hello', ', ', 'wörld', '!'];
const { BASE_URL: url, PROXY_KEY: apiKey } = process.env;
const city = z.object({ city: z.string() });

const clients = {
  openai: () => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat('text'),
  responses: () => createOpenAI({ baseURL: `${url}/v1`, apiKey })('text'),
  anthropic: () => createAnthropic({ baseURL: `${url}/v1`, apiKey })('text'),
  gemini: () => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey })('text'),
};
const model = clients[process.argv[2]]();

const asked = [];
const weather = tool({
  description: 'Tells the weather of a city.',
  inputSchema: city,
  execute: (input) => (asked.push(input), { degrees: 18 }),
});
const loop = { model, prompt: 'weather?', tools: { weather }, stopWhen: stepCountIs(3) };

const whole = await generateText(loop);
assert.deepEqual([whole.text, whole.steps.length, whole.finishReason], [PIECES.join(''), 2, 'stop']);

const streamed = streamText(loop);
assert.equal(await streamed.text, PIECES.join(''));
assert.equal((await streamed.steps).length, 2);
assert.deepEqual(asked, [{ city: 'Paris' }, { city: 'Paris' }]);

const stream = streamText({ model, system: 'be brief', prompt: 'hi' });
const pieces = [];
for await (const piece of stream.textStream) pieces.push(piece);
assert.deepEqual(pieces.filter(Boolean), PIECES);
assert.deepEqual([(await stream.usage).inputTokens, (await stream.usage).outputTokens], [1, 2]);

assert.deepEqual((await generateObject({ model, schema: city, prompt: 'which city?' })).object, { city: 'Paris' });
