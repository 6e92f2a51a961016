// What ajv, a checker that we did not write, says of answers: a line {"kind", "value"} in, a line true or false out.
//   node dist/ajv/verdicts.js description.json answers.jsonl
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Ajv, type ValidateFunction } from 'ajv';

type Described = {
  $ref?: string; type?: string; nullable?: boolean; enum?: unknown[]; anyOf?: Described[]; allOf?: Described[]; items?: Described;
  properties?: Record<string, Described>; required?: string[]; additionalProperties?: boolean | Described; 'x-pruned'?: boolean;
};

/** The description's dialect as JSON Schema. A member that is not described is one too many. */
function schema(from: Described): object | boolean {
  if (from['x-pruned'] || Object.keys(from).length === 0) return true;
  const own = shape(from);
  return from.nullable ? { anyOf: [{ type: 'null' }, own] } : own;
}

function shape(from: Described): object {
  if (from.$ref) return { $ref: `#/definitions/${from.$ref.split('/').pop()}` };
  if (from.allOf) return { allOf: from.allOf.map(schema) };
  if (from.anyOf) return { anyOf: from.anyOf.map(schema) };
  const to: Record<string, unknown> = {};
  if (from.type) to['type'] = from.type;
  if (from.enum) to['enum'] = from.enum;
  if (from.items) to['items'] = schema(from.items);
  if (from.required) to['required'] = from.required;
  if (from.properties) to['properties'] = Object.fromEntries(Object.entries(from.properties).map(([name, member]) => [name, schema(member)]));
  if (typeof from.additionalProperties === 'object') to['additionalProperties'] = schema(from.additionalProperties);
  else if (from.additionalProperties === false || from.properties) to['additionalProperties'] = false;
  return to;
}

const described = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as { components: { schemas: Record<string, Described> } };
const definitions = Object.fromEntries(Object.entries(described.components.schemas).map(([name, one]) => [name, schema(one)]));
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema({ $id: 'api', definitions });
const compiled = new Map<string, ValidateFunction>();

for await (const line of createInterface({ input: createReadStream(process.argv[3]!) })) {
  const { kind, value } = JSON.parse(line) as { kind: string; value: unknown };
  let validate = compiled.get(kind);
  if (!validate) compiled.set(kind, validate = ajv.compile({ $ref: `api#/definitions/${kind}` }));
  console.log(validate(value));
}
