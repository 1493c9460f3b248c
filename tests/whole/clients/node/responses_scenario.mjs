// What the clients of the Responses API are put through, and the tools for it.
import { z } from "zod";

export const [url, picture] = process.argv.slice(2);
export const question = "Which is warmer, Paris or Oslo, and by how much?";
export const form = "Oslo's weather, as JSON";
export const report = z.object({ city: z.string(), degrees: z.number().int() });
const degrees = { Paris: "21", Oslo: "9" };
export const tools = [
  {
    name: "get_weather",
    description: "The temperature in a city, in degrees.",
    schema: z.object({ city: z.string() }),
    run: async ({ city }) => degrees[city],
  },
  {
    name: "difference",
    description: "What is left of a when b is taken away.",
    schema: z.object({ a: z.number().int(), b: z.number().int() }),
    run: async ({ a, b }) => String(a - b),
  },
];

// What the client throws.
export async function refusal(promise) {
  try {
    return String(await promise);
  } catch (error) {
    return String(error.message);
  }
}
