// Compile-time proof about the stand-in (its files are global scripts, so their names are in scope here): what it offers has the
// types of the real object (its own annotations say so), and what it does not offer is listed there, name by name.
import type { Stripe as RealStripe } from '@stripe/stripe-js';

type Offered = keyof StripeSurface;
type Refused = (typeof notHere)[number];

type Forgotten = Exclude<keyof RealStripe, Offered | Refused>;
type Invented = Exclude<Offered | Refused, keyof RealStripe>;

export const nothingForgotten: [Forgotten] extends [never] ? true : Forgotten = true;
export const nothingInvented: [Invented] extends [never] ? true : Invented = true;
