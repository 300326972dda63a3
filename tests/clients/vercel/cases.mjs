// What the Vercel AI SDK is asked to do. Reads one call per line and answers each with a line,
// as ../runner.py does.

import { createInterface } from "node:readline";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = `${process.env.ROUTOR_URL}/v1`;
const apiKey = process.env.ROUTOR_KEY;
const openai = createOpenAI({ baseURL, apiKey });
const compatible = createOpenAICompatible({
  name: "routor",
  baseURL,
  apiKey,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL, apiKey });
const MODELS = {
  responses: (id) => openai.responses(id),
  chat: (id) => openai.chat(id),
  compatible: (id) => compatible(id),
  anthropic: (id) => anthropic(id),
};
const ASKED = "What is the weather in Rome?";

const person = z.object({ name: z.string(), age: z.number().int(), nick: z.string().nullable() });
const weather = tool({
  description: "Tell the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => "21 degrees",
});

const fields = (model, api, more) => ({
  model: MODELS[api](model),
  maxRetries: 0,
  maxOutputTokens: 4000,
  ...more,
});

const called = (steps) => steps.flatMap((step) => step.toolCalls.map((call) => [call.toolName, call.input]));

const cases = {
  async generate({ model, api }) {
    const told = await generateText(fields(model, api, { system: "Be terse.", prompt: "Say hello." }));
    return { text: told.text, ending: told.finishReason, usage: told.usage, warnings: told.warnings };
  },

  async stream({ model, api }) {
    const told = streamText(fields(model, api, { prompt: "Say hello.", onError() {} }));
    const parts = [];
    for await (const part of told.fullStream) parts.push(part);
    const broken = parts.filter((part) => part.type === "error").map((part) => String(part.error));
    return {
      deltas: parts.filter((part) => part.type === "text-delta").map((part) => part.text),
      text: await told.text,
      ending: await told.finishReason,
      usage: await told.usage,
      broken,
    };
  },

  async tools({ model, api }) {
    const more = { prompt: ASKED, tools: { weather }, stopWhen: stepCountIs(3) };
    const told = await generateText(fields(model, api, more));
    return { text: told.text, calls: called(told.steps) };
  },

  async streamedTools({ model, api }) {
    const more = { prompt: ASKED, tools: { weather }, stopWhen: stepCountIs(3), onError() {} };
    const told = streamText(fields(model, api, more));
    await told.consumeStream();
    return { text: await told.text, calls: called(await told.steps) };
  },

  async forced({ model, api }) {
    const toolChoice = { type: "tool", toolName: "weather" };
    const told = await generateText(fields(model, api, { prompt: "Hello.", tools: { weather }, toolChoice }));
    return called(told.steps);
  },

  async object({ model, api }) {
    const told = await generateObject(fields(model, api, { schema: person, prompt: "Who is Ada?" }));
    return told.object;
  },

  async streamedObject({ model, api }) {
    const told = streamObject(fields(model, api, { schema: person, prompt: "Who is Ada?", onError() {} }));
    const steps = [];
    for await (const step of told.partialObjectStream) steps.push(step);
    return { steps, object: await told.object };
  },

  async again({ model, api }) {
    const providerOptions = { openai: { store: false } };
    const messages = [{ role: "user", content: "Say hello." }];
    const first = await generateText(fields(model, api, { messages, providerOptions }));
    messages.push(...first.response.messages, { role: "user", content: "Say it again." });
    const told = await generateText(fields(model, api, { messages, providerOptions }));
    return told.text;
  },

  async think({ model, api }) {
    const providerOptions = {
      openai: { reasoningEffort: "high", forceReasoning: true, reasoningSummary: "auto", store: false },
      routor: { reasoningEffort: "high" },
      anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } },
    };
    const more = { prompt: ASKED, tools: { weather }, stopWhen: stepCountIs(3), providerOptions };
    const told = await generateText(fields(model, api, more));
    return { text: told.text, calls: called(told.steps), usage: told.totalUsage, thoughts: told.steps[0].reasoningText ?? null };
  },

  async image({ model, api }) {
    const image = Buffer.from(PIXEL, "base64");
    const content = [{ type: "text", text: "What is this?" }, { type: "image", image }];
    const told = await generateText(fields(model, api, { messages: [{ role: "user", content }] }));
    return told.text;
  },

  async embed({ model }) {
    const told = await embedMany({ model: openai.textEmbeddingModel(model), values: ["tea", "coffee"] });
    return told.embeddings.map((vector) => vector.length);
  },

  async refused({ model, api }) {
    try {
      await generateText(fields(model, api, { prompt: "Hello." }));
    } catch (error) {
      return { name: error.name, status: error.statusCode, message: error.message, retry: error.isRetryable };
    }
  },
};

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

console.log = console.error;
globalThis.AI_SDK_LOG_WARNINGS = false;
for await (const line of createInterface({ input: process.stdin })) {
  const { case: name, given } = JSON.parse(line);
  let reply;
  try {
    reply = { told: await cases[name](given) };
  } catch (error) {
    reply = { raised: `${error.stack}\n${error.responseBody ?? ""}` };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
