// How a scenario talks to its target and how it tells what it found. Each file is a program of its own:
//   STRIPE_CONTRACT_BASE=http://127.0.0.1:12111 STRIPE_CONTRACT_KEY=sk_test_… node dist/scenarios/customers.js
// Without STRIPE_CONTRACT_BASE it talks to Stripe itself, in the test mode of that key.
import assert from 'node:assert/strict';
import Stripe from 'stripe';

export { assert, Stripe };

const givenKey = process.env['STRIPE_CONTRACT_KEY'] ?? '';
if (/^(sk|rk)_live_/.test(givenKey)) throw new Error('STRIPE_CONTRACT_KEY is a live key. These scenarios create and charge: use a test key.');
if (!/^(sk|rk)_test_/.test(givenKey)) throw new Error('Set STRIPE_CONTRACT_KEY to a test key (sk_test_…).');

export const key = givenKey;
export const version = '2026-07-29.dahlia';
const given = process.env['STRIPE_CONTRACT_BASE'];
/** The sandbox's address; undefined when the target is Stripe. */
export const base = given ? new URL(given) : undefined;
export const isSandbox = base !== undefined && base.hostname !== 'api.stripe.com';

/** The official client, as an integration would make it. */
export function connect(config: Stripe.StripeConfig = {}, secret = key): Stripe {
  const address = base ? { host: base.hostname, port: base.port || '443', protocol: base.protocol === 'https:' ? 'https' as const : 'http' as const } : {};
  return new Stripe(secret, { ...address, apiVersion: version, maxNetworkRetries: 0, telemetry: false, ...config });
}

export const stripe = connect();

/** Who has confirmed an assertion: nobody but the sandbox, or Stripe itself on a date (`real (2027-01-31)`). */
export type Verified = 'sandbox-only' | `real (${string})`;

let failures = 0;

/** One labelled assertion. The scenario goes on after a failure, so that one run tells everything. */
export async function check(label: string, verified: Verified, body: () => unknown): Promise<void> {
  try {
    await body();
    console.log(`ok   ${label} [verified: ${verified}]`);
  } catch (error) {
    failures++;
    process.exitCode = 1;
    console.log(`FAIL ${label} [verified: ${verified}]\n     ${error instanceof Error ? error.stack?.replaceAll('\n', '\n     ') : String(error)}`);
  }
}

/** The refusal a call must end in. */
export async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('The call went through, but a refusal was expected.');
}

/** Waits for something asynchronous; on the clock only to give up. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, limit = 20_000): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what}: not seen within ${limit / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** An e-mail address nobody else in the account has. */
export const freshEmail = () => `contract-${Date.now()}-${Math.random().toString(36).slice(2, 8)}@example.com`;

process.on('exit', () => console.log(failures === 0 ? 'scenario passed' : `${failures} assertions failed`));
