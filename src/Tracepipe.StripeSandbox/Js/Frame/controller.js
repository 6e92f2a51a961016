// The frame without a form: the API calls that need no card.
import { confirm, createPaymentMethod, retrieve } from './api.js';
import { listen } from './channel.js';

listen({
  retrieve,
  confirm: (input) => confirm(input),
  create: (input) => createPaymentMethod(input),
  /** The person closed the challenge without an answer. @param {{path: string}} input */
  async refuse({ path }) {
    if (!/^\/3ds\/\w+$/.test(path)) return;
    await fetch(path, { method: 'POST', body: new URLSearchParams({ outcome: 'fail' }), redirect: 'manual' });
  },
});
