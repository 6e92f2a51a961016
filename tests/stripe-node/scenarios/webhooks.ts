// Webhook endpoints, and what arrives there: the official client must accept the signature over the raw bytes, and nothing else.
// Stripe cannot reach this machine, so the deliveries are looked at against the sandbox only.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assert, check, eventually, isSandbox, refusal, stripe } from '../harness.js';

const endpoint = await stripe.webhookEndpoints.create({
  url: 'https://shop.example/webhooks/stripe', enabled_events: ['customer.created'], api_version: '2026-07-29.dahlia', description: 'contract',
});

await check('the secret is told once, at creation', 'sandbox-only', async () => {
  assert.match(endpoint.secret ?? '', /^whsec_/);
  assert.equal((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret, undefined);
  assert.equal(endpoint.status, 'enabled');
});

await check('an endpoint is changed, switched off, listed and deleted', 'sandbox-only', async () => {
  const changed = await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: ['*'], disabled: true });
  assert.deepEqual(changed.enabled_events, ['*']);
  assert.equal(changed.status, 'disabled');
  assert.ok((await stripe.webhookEndpoints.list()).data.some((e) => e.id === endpoint.id));
  assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
  assert.equal((await refusal(stripe.webhookEndpoints.retrieve(endpoint.id))).statusCode, 404);
});

await check('an endpoint without event types is refused', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.webhookEndpoints.create({ url: 'https://shop.example/', enabled_events: [] }))).statusCode, 400);
});

if (isSandbox) {
  const arrived: { body: Buffer; headers: IncomingHttpHeaders }[] = [];
  const receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      arrived.push({ body: Buffer.concat(parts), headers: request.headers });
      response.writeHead(200).end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => receiver.once('listening', resolve));
  const { port } = receiver.address() as AddressInfo;
  const local = await stripe.webhookEndpoints.create({ url: `http://127.0.0.1:${port}/hook`, enabled_events: ['customer.created', 'customer.deleted'] });
  const secret = local.secret!;
  const customer = await stripe.customers.create({ name: 'Zoë 日本' });
  await stripe.customers.update(customer.id, { name: 'not told' });
  await stripe.customers.del(customer.id);
  const delivery = await eventually('the delivery', async () => arrived.find((a) => a.body.includes('customer.created')));
  await eventually('the second delivery', async () => arrived.find((a) => a.body.includes('customer.deleted')));
  const signature = String(delivery.headers['stripe-signature']);

  await check('the official client accepts a recorded delivery', 'sandbox-only', () => {
    const event = stripe.webhooks.constructEvent(delivery.body, signature, secret);
    assert.equal(event.type, 'customer.created');
    assert.ok(event.type === 'customer.created');
    assert.equal(event.data.object.id, customer.id);
    assert.equal(event.data.object.name, 'Zoë 日本');
  });

  await check('it refuses a changed byte, another secret and an old timestamp', 'sandbox-only', () => {
    const changed = Buffer.from(delivery.body);
    changed[changed.length - 2] = changed[changed.length - 2]! ^ 1;
    assert.throws(() => stripe.webhooks.constructEvent(changed, signature, secret));
    assert.throws(() => stripe.webhooks.constructEvent(delivery.body, signature, 'whsec_other'));
    const later = Math.floor(Date.now() / 1000) + 3600;
    assert.throws(() => stripe.webhooks.constructEvent(delivery.body, signature, secret, 300, undefined, later * 1000));
  });

  await check('a delivery has the header, the type and the agent of one', 'sandbox-only', () => {
    assert.match(signature, /^t=\d+,v1=[0-9a-f]{64}/);
    assert.equal(delivery.headers['content-type'], 'application/json; charset=utf-8');
    assert.match(delivery.headers['user-agent'] ?? '', /^Stripe\/1\.0 /);
  });

  await check('what the endpoint did not ask for is not told', 'sandbox-only', () => {
    assert.ok(arrived.every((a) => !a.body.includes('customer.updated')));
  });

  await stripe.webhookEndpoints.del(local.id);
  receiver.close();
}
