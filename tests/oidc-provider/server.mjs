// A certified OpenID provider on loopback. Prints its address as the first line and serves until standard input ends.
//
// Everything a client sees comes from `oidc-provider`; `/control/…` sets up clients and people, rotates keys, counts requests, and makes single answers
// wrong in a named way, signed with the provider's own keys, as only a broken or hostile provider could.
import { constants, createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign as signBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { CompactSign, importJWK } from 'jose';
import * as oidc from 'oidc-provider';

const Provider = oidc.default;
const API = 'urn:tracepipe:api';
const state = { clients: [], people: {}, keys: [], claimsInIdToken: false, fault: null, seen: {}, issued: [], down: false, discovery: {}, published: [] };
let issuer;
let provider;

/** What the provider remembers, in memory: it lives on when the provider is built anew with other keys or clients. */
class Memory {
  static all = new Map();

  constructor(model) { this.model = model; }

  key(id) { return `${this.model}:${id}`; }

  async upsert(id, payload) { Memory.all.set(this.key(id), payload); }

  async find(id) { return Memory.all.get(this.key(id)); }

  async findByUid(uid) { return [...Memory.all].find(([key, payload]) => key.startsWith(`${this.model}:`) && payload.uid === uid)?.[1]; }

  async findByUserCode() { return undefined; }

  async consume(id) { const payload = await this.find(id); if (payload) payload.consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { Memory.all.delete(this.key(id)); }

  async revokeByGrantId(grantId) {
    for (const [key, payload] of Memory.all) if (payload.grantId === grantId) Memory.all.delete(key);
  }
}

/** A new private key, by way of its text: Node.js 20 waits for itself for ever when its garbage collection meets the maker of a key while that key is exported. */
function generate(kind, options) {
  const made = generateKeyPairSync(kind, { ...options, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  return createPrivateKey(made.privateKey);
}

function newKey(alg) {
  const privateKey = alg === 'ES256' ? generate('ec', { namedCurve: 'P-256' }) : generate('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg, use: 'sig' };
}

function rebuild() {
  provider = new Provider(issuer, {
    adapter: Memory,
    clients: state.clients,
    jwks: { keys: state.keys },
    cookies: { keys: ['a test has no secrets'] },
    claims: { openid: ['sub', 'oid', 'tid'], email: ['email', 'email_verified', 'xms_edov'], profile: ['name', 'given_name', 'family_name'] },
    conformIdTokenClaims: !state.claimsInIdToken,
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'HS256'] },
    pkce: { required: () => true },
    async findAccount(_, sub) {
      const claims = state.people[sub];
      return claims && { accountId: sub, claims: () => ({ sub, ...claims }) };
    },
    // Everybody consents: what is asked is no part of the tests.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile');
      grant.addResourceScope(API, 'access');
      await grant.save();
      return grant;
    },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({ audience, scope: 'access', accessTokenFormat: 'jwt', accessTokenTTL: 3600 }),
      },
      rpInitiatedLogout: {
        logoutSource(ctx, form) {
          ctx.body = page('Sign out', `${form}<button form="op.logoutForm" name="logout" value="yes">Sign out of the provider</button>`);
        },
      },
    },
    renderError(ctx, out) {
      ctx.type = 'html';
      ctx.body = page('Refused', `<pre>${escape(JSON.stringify(out))}</pre>`);
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token' && ctx.oidc?.body?.client_secret) state.seen['/token with the secret in the form'] = (state.seen['/token with the secret in the form'] ?? 0) + 1;
    if (ctx.path === '/token' && ctx.body?.id_token) await spoil(ctx);
    if (ctx.path === '/token' && state.fault?.answer) { ctx.body = state.fault.answer; state.fault = null; }
    if (ctx.path === '/.well-known/openid-configuration') ctx.body = { ...ctx.body, ...state.discovery };
    if (ctx.path === '/jwks') ctx.body = { keys: [...state.published.map((p) => p.shown), ...ctx.body.keys] };
    if (ctx.path === '/me' && state.fault?.userinfo) { ctx.body = { ...ctx.body, ...state.fault.userinfo }; state.fault = null; }
  });
}

/** Makes the id_token of this answer wrong, once, as the fault says. */
async function spoil(ctx) {
  const fault = state.fault;
  if (fault && !fault.userinfo && !fault.answer) {
    state.fault = null;
    if (fault.drop) ctx.body = { ...ctx.body, id_token: undefined };
    else ctx.body = { ...ctx.body, id_token: await wrong(ctx.body.id_token, fault) };
  }
  state.issued.push(ctx.body.id_token, ctx.body.access_token);
}

async function wrong(token, fault) {
  const [head, body, signature] = token.split('.');
  const header = { ...JSON.parse(Buffer.from(head, 'base64url')), ...fault.header };
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url')), ...fault.set };
  for (const name of fault.remove ?? []) delete claims[name];
  for (const name of fault.removeHeader ?? []) delete header[name];
  const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const payload = fault.rawClaims ?? (fault.rawSet ? `{${fault.rawSet},${JSON.stringify(claims).slice(1)}` : JSON.stringify(claims));
  switch (fault.sign) {
    case 'none': return `${encode({ ...header, alg: 'none' })}.${encode(payload)}.`;
    case 'keep': return `${fault.header ? encode(header) : head}.${encode(payload)}.${signature}`;
    case 'hmac-of-public-key': {
      const input = `${encode({ ...header, alg: 'HS256' })}.${encode(payload)}`;
      const pem = createPublicKey({ key: state.keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
    }
    case 'foreign': return sign(foreign[header.alg] ??= newKey(header.alg), header, payload);
    // The same with ECDSA, under the name of the provider's own P-256 key.
    case 'ES256': return signAs(ecdsa(header), payload);
    case 'ES256 foreign': return signAs(ecdsa(header), payload, { key: foreign.ES256 ??= newKey('ES256') });
    case 'ES256 changed': return signAs(ecdsa(header), payload, { signed: body });
    case 'ES256 DER': return signAs(ecdsa(header), payload, { dsaEncoding: 'der' });
    case 'ES256 zero': return signAs(ecdsa(header), payload, { signature: Buffer.alloc(64) });
    case 'RS256 with PSS': return signAs(header, payload, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
    case 'PS256': return signAs({ ...header, alg: 'PS256' }, payload, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
    case 'published': return signAs({ ...header, kid: state.published[0].shown.kid }, payload, { key: state.published[0].key });
    default: return sign(state.keys.find((k) => k.alg === header.alg) ?? state.keys[0], header, payload);
  }
}

/** Keys that are nobody's here, by algorithm. */
const foreign = {};

const ecdsa = (header) => ({ ...header, alg: 'ES256', kid: header.kid && state.keys.find((k) => k.alg === 'ES256').kid });

/** Signs by hand, as no library would: any key, encoding or padding under the header. */
function signAs(header, payload, { key = state.keys.find((k) => (header.kid ? k.kid === header.kid : k.alg === header.alg)), signed, signature, dsaEncoding = 'ieee-p1363', ...how } = {}) {
  const head = Buffer.from(JSON.stringify(header)).toString('base64url');
  const body = Buffer.from(payload).toString('base64url');
  signature ??= signBytes('sha256', Buffer.from(`${head}.${signed ?? body}`), { key: createPrivateKey({ key, format: 'jwk' }), dsaEncoding, ...how });
  return `${head}.${body}.${signature.toString('base64url')}`;
}

const spare = {};

/** A key beside the provider's own, one of each kind, under a new name, and what the key set says of it. */
function newPublished({ kind, shown }) {
  const privateKey = spare[kind] ??= kind === 'EC' ? generate('ec', { namedCurve: 'P-256' }) : generate('rsa', { modulusLength: kind === 'RSA-1024' ? 1024 : 2048 });
  const key = privateKey.export({ format: 'jwk' });
  const { kty, crv, x, y, n, e } = key;
  return { key, shown: { kty, crv, x, y, n, e, kid: randomUUID(), ...shown } };
}

async function sign(key, header, payload) {
  return new CompactSign(new TextEncoder().encode(payload)).setProtectedHeader(header).sign(await importJWK(key, header.alg), { crit: { 'urn:x': true } });
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (title, body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,"></head><body><h1>${title}</h1>${body}</body></html>`;

async function read(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function html(res, body) {
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(body);
}

async function interact(req, res) {
  const details = await provider.interactionDetails(req, res);
  if (req.method === 'GET') {
    return html(res, page('Sign in to the provider', `<form method="post"><label>Account <input name="account" autofocus></label> <button name="do" value="sign-in">Sign in</button> <button name="do" value="cancel">Cancel</button></form><p>${escape(details.prompt.name)}</p>`));
  }
  const form = new URLSearchParams(await read(req));
  const result = form.get('do') === 'cancel'
    ? { error: 'access_denied', error_description: 'The person canceled.' }
    : { login: { accountId: form.get('account') } };
  return provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
}

const controls = {
  clients: (body) => { state.clients = [...state.clients.filter((c) => c.client_id !== body.client_id), body]; rebuild(); },
  people: (body) => { Object.assign(state.people, body); },
  settings: (body) => { Object.assign(state, body); rebuild(); },
  fault: (body) => { state.fault = body; },
  discovery: (body) => { state.discovery = body; },
  publish: (body) => { state.published = body.keys.map(newPublished); },
  down: (body) => { state.down = body.down; },
  rotate: (body) => { state.keys = [newKey(body.alg ?? 'RS256'), ...(body.keep ? state.keys : []), newKey(body.alg === 'ES256' ? 'RS256' : 'ES256')]; rebuild(); },
  seen: () => ({ requests: state.seen, issued: state.issued }),
  /** An access token as the provider issues it to a program of this client for the API. */
  async token(body) {
    const client = await provider.Client.find(body.client_id);
    const token = new provider.AccessToken({ client, accountId: body.sub, grantId: randomUUID(), scope: 'access', gty: 'authorization_code', expiresIn: body.expiresIn });
    token.resourceServer = new provider.ResourceServer(body.audience ?? API, { audience: body.audience ?? API, scope: 'access', accessTokenFormat: 'jwt' });
    const jwt = await token.save();
    return { token: body.fault ? await wrong(jwt, body.fault) : jwt };
  },
};

const server = createServer(async (req, res) => {
  try {
    const path = new URL(req.url, issuer).pathname;
    if (path.startsWith('/control/')) {
      const text = await read(req);
      const answer = await controls[path.slice('/control/'.length)](text ? JSON.parse(text) : {});
      return res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
    }
    state.seen[path] = (state.seen[path] ?? 0) + 1;
    if (state.down) return req.socket.destroy();
    if (path.startsWith('/interaction/')) return await interact(req, res);
    return await provider.callback()(req, res);
  } catch (failure) {
    if (!res.headersSent) res.writeHead(500, { 'content-type': 'text/plain' });
    return res.end(String(failure?.stack ?? failure));
  }
});

server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  state.keys = [newKey('RS256'), newKey('ES256')];
  rebuild();
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit(0));
