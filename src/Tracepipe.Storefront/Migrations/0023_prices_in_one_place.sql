-- stripe_prices knows which price sells which tier of which version.
drop table plan_prices;
