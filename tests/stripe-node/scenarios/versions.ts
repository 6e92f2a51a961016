// The version header: the pinned one is echoed, a later client's is refused instead of answered in shapes it does not expect.
import Stripe23 from 'stripe-23';
import { assert, base, check, connect, isSandbox, key, refusal, stripe } from '../harness.js';

await check('the version is echoed', 'sandbox-only', async () => {
  const list = await stripe.customers.list({ limit: 1 });
  assert.equal(list.lastResponse.apiVersion, '2026-07-29.dahlia');
  assert.match(list.lastResponse.requestId, /^req_/);
});

if (isSandbox && base) {
  const { hostname: host, port } = base;
  await check('the client of the next release is refused by its version', 'sandbox-only', async () => {
    const later = new Stripe23(key, { host, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
    await assert.rejects(later.customers.list(), (error: unknown) => {
      assert.ok(error instanceof Stripe23.errors.StripeInvalidRequestError);
      assert.equal(error.statusCode, 400);
      assert.match(error.message, /2026-07-29\.dahlia/);
      return true;
    });
  });

  await check('a version nobody knows is refused', 'sandbox-only', async () => {
    const odd = connect({ apiVersion: '2019-01-01' as never });
    assert.equal((await refusal(odd.customers.list())).statusCode, 400);
  });
}
