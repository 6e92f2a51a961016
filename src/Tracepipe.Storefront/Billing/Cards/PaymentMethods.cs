using System.Text.RegularExpressions;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What the browser needs to save a card: the secret is for this one form and is stored nowhere.</summary>
internal sealed record CardSetup(string Id, string ClientSecret);

/// <summary>How far a browser came with saving a card.</summary>
internal enum SetupProgress { Saved, StillChecking, NotFinished }

/// <param name="Reason">The bank's sentence, when it refused.</param>
internal sealed record CardSetupState(SetupProgress Progress, string? Reason = null);

/// <summary>
/// The payment methods of an organization: list, add, choose, remove. Reading asks our own list only; changing asks Stripe and then shows what Stripe has.
/// </summary>
internal sealed partial class PaymentMethods(Database database, StripeConnection stripe, StripeOperations operations, StripeCustomers customers, CardProjection projection,
    SetupCreation setup, CardAttachment attachment, DefaultChoice defaultChoice, ExpiryChange expiryChange, CardDetachment detachment, TimeProvider clock)
{
    /// <summary>The account and what it can pay with, the default first, then the newest.</summary>
    public async Task<(BillingAccount Account, IReadOnlyList<CardOnFile> Cards)> ListAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        Answer<BillingAccount?>? account = null;
        Answer<IReadOnlyList<CardOnFile>>? cards = null;
        await database.ReadAsync(organization, person, q =>
        {
            account = q.First(BillingAccount.Select(organization), BillingAccount.Read);
            cards = q.List(CardOnFile.SelectAll(organization), CardOnFile.Read);
        }, cancel);
        return (account!.Value ?? throw new InvalidOperationException($"Organization {organization} was made without a billing account."), cards!.Value);
    }

    /// <summary>Opens the way to save a card from the browser.</summary>
    public async Task<Tried<CardSetup>> BeginAsync(Guid organization, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        var (customer, ensured) = await customers.EnsureAsync(organization, cancel);
        if (customer is null) return BillingProblems.Of(ensured);

        var visit = Guid.CreateVersion7();
        var operation = await PlanAsync(organization, setup, visit.ToString(), $"setup:{visit}", new SetupCreation.Request(customer), by, "payment_method.setup_begun", target: null, cancel);
        var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
        return outcome.Answer is SetupIntent { ClientSecret: { } secret } intent ? new CardSetup(intent.Id, secret) : BillingProblems.Of(outcome);
    }

    /// <summary>The browser says that it is done, or has come back from the bank: asks Stripe, never the browser, and shows what Stripe has.</summary>
    public async Task<Tried<CardSetupState>> FinishAsync(Guid organization, string setupIntent, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        if (!StripeId().IsMatch(setupIntent)) return Problem.NotFound("Card setup");
        try
        {
            var intent = await stripe.Client.SetupIntents.GetAsync(setupIntent, options: Patience.OfPerson.Read, cancel: cancel);
            var customer = await CustomerOfAsync(organization, cancel);
            if (customer is null || !string.Equals(intent.Customer?.Id, customer, StringComparison.Ordinal)) return Problem.NotFound("Card setup");
            if (intent.Status is SetupIntentStatus.Processing) return new CardSetupState(SetupProgress.StillChecking);
            if (intent.Status is not SetupIntentStatus.Succeeded) return new CardSetupState(SetupProgress.NotFinished, intent.LastSetupError is { Type: StripeErrorTypes.CardError } error ? error.Message : null);
            await projection.SyncAsync(organization, by, Patience.OfPerson, cancel);
            return new CardSetupState(SetupProgress.Saved);
        }
        catch (StripeException failure)
        {
            return failure.IsNotFound ? Problem.NotFound("Card setup") : BillingProblems.StripeAway;
        }
    }

    /// <summary>Takes a payment method that a browser has made or saved: one of ours is fine as it is, a free one is attached, another's does not exist for us.</summary>
    public async Task<Tried<CardOnFile>> AttachAsync(Guid organization, string id, bool asDefault, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        if (!StripeId().IsMatch(id)) return BillingProblems.PaymentMethodNotFound;
        var (customer, ensured) = await customers.EnsureAsync(organization, cancel);
        if (customer is null) return BillingProblems.Of(ensured);
        try
        {
            var attached = await EnsureAttachedAsync(organization, customer, id, by, cancel);
            if (!attached.IsDone) return attached.Problem;
            id = attached.Value;
            if (asDefault && await ChooseAsync(organization, customer, id, by, cancel) is { IsDone: false } failed) return BillingProblems.Of(failed);
            await projection.SyncAsync(organization, by, Patience.OfPerson, cancel);
        }
        catch (StripeException failure)
        {
            return failure.IsNotFound ? BillingProblems.PaymentMethodNotFound : BillingProblems.Of(failure);
        }
        return await FindAsync(organization, id, cancel) is { } card ? card : BillingProblems.PaymentMethodSpent;
    }

    /// <summary>Makes one of ours the default, here and at Stripe.</summary>
    public async Task<Tried<CardOnFile>> MakeDefaultAsync(Guid organization, string id, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        if (await FindAsync(organization, id, cancel) is null || await CustomerOfAsync(organization, cancel) is not { } customer) return BillingProblems.PaymentMethodNotFound;
        var outcome = await ChooseAsync(organization, customer, id, by, cancel);
        if (outcome.Ending is Ending.Unknown or Ending.Unreached) return BillingProblems.Of(outcome);
        try
        {
            await projection.SyncAsync(organization, by, Patience.OfPerson, cancel); // also when refused: it may have been removed behind our back
        }
        catch (StripeException failure)
        {
            return BillingProblems.Of(failure);
        }
        return await FindAsync(organization, id, cancel) is { } card ? card : BillingProblems.PaymentMethodNotFound;
    }

    /// <summary>Writes the expiry of a new plastic with the same number.</summary>
    /// <param name="month">1 to 12.</param>
    /// <param name="year">Four digits, not in the past.</param>
    public async Task<Tried<CardOnFile>> ChangeExpiryAsync(Guid organization, string id, int month, int year, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        var now = clock.GetUtcNow();
        if (month is < 1 or > 12) return Problem.Invalid("exp_month", "Write a month from 1 to 12.");
        if ((year, month).CompareTo((now.Year, now.Month)) < 0 || year > now.Year + 50) return Problem.Invalid("exp_year", "Write the year on the card, four digits; a card that has expired cannot pay.");
        if (await FindAsync(organization, id, cancel) is not { } card || await CustomerOfAsync(organization, cancel) is not { } customer) return BillingProblems.PaymentMethodNotFound;
        if (card.Brand is null) return Problem.Conflict($"{card.Name} has no expiry date.");
        var change = Guid.CreateVersion7();
        var operation = await PlanAsync(organization, expiryChange, $"{id}:{change}", $"expiry:{change}", new ExpiryRequest(customer, id, month, year), by, "payment_method.expiry_asked", id, cancel);
        var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
        if (!outcome.IsDone) return outcome is { Ending: Ending.Refused, Failure.IsNotFound: true } ? BillingProblems.PaymentMethodNotFound : BillingProblems.Of(outcome);
        if (await ShowAsync(organization, by, cancel) is { } problem) return problem;
        return await FindAsync(organization, id, cancel) is { } changed ? changed : BillingProblems.PaymentMethodNotFound;
    }

    /// <summary>Removes one of ours for ever. When it was the default, the newest other takes its place first; the last one stays while it is needed.</summary>
    /// <returns>Null when it is gone.</returns>
    public async Task<Problem?> RemoveAsync(Guid organization, string id, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        var (account, cards) = await ListAsync(organization, person: null, cancel);
        if (cards.FirstOrDefault(c => string.Equals(c.Id, id, StringComparison.Ordinal)) is not { } card || account.StripeCustomerId is not { } customer) return BillingProblems.PaymentMethodNotFound;
        if (cards.Count == 1 && await LastCard.NeededForAsync(organization, database, cancel) is { } needed) return needed;
        try
        {
            if (card.IsDefault && await NewestOtherAsync(customer, id, cancel) is { } other
                && await ChooseAsync(organization, customer, other, by, cancel) is { IsDone: false } failed) return BillingProblems.Of(failed);

            var operation = await PlanAsync(organization, detachment, id, $"detach:{id}", new CardRequest(customer, id), by, "payment_method.removal_asked", id, cancel);
            var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
            if (outcome is { Answer: null, IsDone: true }) return BillingProblems.PaymentMethodNotFound; // another request was faster
            if (outcome.Ending is Ending.Unknown or Ending.Unreached) return BillingProblems.Of(outcome);
        }
        catch (StripeException failure)
        {
            return BillingProblems.Of(failure);
        }
        return await ShowAsync(organization, by, cancel);
    }

    // The write stands, and our list shows it; Stripe's event brings what this look could not.
    private async Task<Problem?> ShowAsync(Guid organization, Actor by, CancellationToken cancel)
    {
        try
        {
            await projection.SyncAsync(organization, by, Patience.OfPerson, cancel);
            return null;
        }
        catch (StripeException late) when (late.Kind is StripeErrorKind.Connection or StripeErrorKind.Api or StripeErrorKind.RateLimited)
        {
            return null;
        }
    }

    /// <returns>The id under which it is on file: Stripe's names for test cards become a payment method of their own.</returns>
    private async Task<Tried<string>> EnsureAttachedAsync(Guid organization, string customer, string id, Actor by, CancellationToken cancel)
    {
        var method = await stripe.Client.PaymentMethods.GetAsync(id, options: Patience.OfPerson.Read, cancel: cancel);
        if (method.Customer is { } owner) return string.Equals(owner.Id, customer, StringComparison.Ordinal) ? method.Id : BillingProblems.PaymentMethodNotFound;

        var subject = string.Equals(method.Id, id, StringComparison.Ordinal) ? id : Guid.CreateVersion7().ToString();
        var operation = await PlanAsync(organization, attachment, subject, $"attach:{organization}:{subject}", new CardRequest(customer, id), by, "payment_method.attach_asked", id, cancel);
        var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
        if (outcome.IsDone) return outcome.Answer?.Id ?? id;
        if (outcome is not { Ending: Ending.Refused, Failure.IsCardError: false }) return BillingProblems.Of(outcome);
        method = await stripe.Client.PaymentMethods.GetAsync(id, options: Patience.OfPerson.Read, cancel: cancel);
        if (method.Customer is null) return BillingProblems.PaymentMethodSpent;
        return string.Equals(method.Customer.Id, customer, StringComparison.Ordinal) ? method.Id : BillingProblems.PaymentMethodNotFound;
    }

    private async Task<Outcome> ChooseAsync(Guid organization, string customer, string id, Actor by, CancellationToken cancel)
    {
        var choice = $"{id}:{Guid.CreateVersion7()}";
        var operation = await PlanAsync(organization, defaultChoice, choice, $"default:{choice}", new CardRequest(customer, id), by, "payment_method.default_asked", id, cancel);
        return await operations.PerformAsync(operation, Patience.OfPerson);
    }

    private async Task<StripeOperation> PlanAsync<T>(Guid organization, StripeWrite write, string subject, string key, T request, Actor by, string action, string? target, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        var operation = await operations.PlanAsync(transaction, organization, write, subject, key, request, by, atOnce: false, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, action, by, target), clock.GetUtcNow(), cancel);
        await transaction.CommitAsync(cancel);
        return operation;
    }

    private async Task<string?> NewestOtherAsync(string customer, string id, CancellationToken cancel)
    {
        var newest = await stripe.Client.Customers.ListPaymentMethodsAsync(customer, new CustomerPaymentMethodListParams { Limit = 2 }, Patience.OfPerson.Read, cancel);
        return newest.Data.FirstOrDefault(m => !string.Equals(m.Id, id, StringComparison.Ordinal))?.Id;
    }

    private async Task<CardOnFile?> FindAsync(Guid organization, string id, CancellationToken cancel)
    {
        var (_, cards) = await ListAsync(organization, person: null, cancel);
        return cards.FirstOrDefault(c => string.Equals(c.Id, id, StringComparison.Ordinal));
    }

    private async Task<string?> CustomerOfAsync(Guid organization, CancellationToken cancel) => (await ListAsync(organization, person: null, cancel)).Account.StripeCustomerId;

    /// <summary>Foreign text never becomes part of an address at Stripe.</summary>
    [GeneratedRegex("^[A-Za-z0-9_]{3,255}$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex StripeId();
}
