// Refusals: which class, status, code and parameter the client sees.
import { assert, check, connect, isSandbox, refusal, Stripe, stripe } from '../harness.js';

await check('a missing object: 404, resource_missing, with the request id', 'sandbox-only', async () => {
  const error = await refusal(stripe.customers.retrieve('cus_doesnotexist'));
  assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
  assert.equal(error.statusCode, 404);
  assert.equal(error.code, 'resource_missing');
  assert.match(error.requestId ?? '', /^req_/);
});

await check('an unknown parameter is named', 'sandbox-only', async () => {
  const error = await refusal(stripe.rawRequest('POST', '/v1/customers', { favourite_colour: 'green' }));
  assert.equal(error.statusCode, 400);
  assert.equal(error.code, 'parameter_unknown');
  assert.equal(error.param, 'favourite_colour');
});

await check('a missing parameter is named', 'sandbox-only', async () => {
  const error = await refusal(stripe.rawRequest('POST', '/v1/payment_methods/pm_card_visa/attach', {}));
  assert.equal(error.code, 'parameter_missing');
  assert.equal(error.param, 'customer');
});

await check('a number that is none is named', 'sandbox-only', async () => {
  const error = await refusal(stripe.rawRequest('GET', '/v1/customers?limit=many'));
  assert.equal(error.statusCode, 400);
  assert.equal(error.code, 'parameter_invalid_integer');
  assert.equal(error.param, 'limit');
});

await check('an unknown path is 404', 'sandbox-only', async () => {
  const error = await refusal(stripe.rawRequest('POST', '/v1/unicorns', {}));
  assert.equal(error.statusCode, 404);
  assert.match(error.message, /Unrecognized request URL \(POST: \/v1\/unicorns\)/);
});

await check('a wrong kind of key is an authentication error', 'sandbox-only', async () => {
  const error = await refusal(connect({}, 'not_a_key').customers.list());
  assert.ok(error instanceof Stripe.errors.StripeAuthenticationError);
  assert.equal(error.statusCode, 401);
});

if (isSandbox) {
  await check('the sandbox refuses live keys', 'sandbox-only', async () => {
    for (const live of ['sk_live_1234567890', 'rk_live_1234567890', 'pk_live_1234567890']) {
      const error = await refusal(connect({}, live).customers.list());
      assert.equal(error.statusCode, 401);
    }
  });

  await check('what the sandbox does not do is refused, never ignored', 'sandbox-only', async () => {
    const error = await refusal(stripe.customers.create({ tax: { validate_location: 'immediately' } }));
    assert.equal(error.statusCode, 400);
    assert.equal(error.code, 'sandbox_not_implemented');
  });
}

await check('the publishable key lists nothing', 'sandbox-only', async () => {
  const error = await refusal(connect({}, process.env['STRIPE_CONTRACT_KEY']!.replace(/^sk_/, 'pk_')).customers.list());
  assert.ok(error.statusCode === 401 || error.statusCode === 403);
});

await check('a declined card is a card error with a message for the customer', 'sandbox-only', async () => {
  const customer = await stripe.customers.create();
  const error = await refusal(stripe.paymentMethods.attach('pm_card_visa_chargeDeclined', { customer: customer.id }));
  assert.ok(error instanceof Stripe.errors.StripeCardError);
  assert.equal(error.statusCode, 402);
  assert.equal(error.code, 'card_declined');
  assert.equal(error.decline_code, 'generic_decline');
  await stripe.customers.del(customer.id);
});
