using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Components.Forms;

namespace Tracepipe.Storefront.Ui;

/// <summary>How a page says that its verb refused what was entered.</summary>
internal static class Refusal
{
    private static readonly ConditionalWeakTable<EditContext, ValidationMessageStore> Stores = [];

    /// <summary>Says it at one field.</summary>
    public static void Refuse<T>(this EditContext form, Expression<Func<T>> field, string message) => form.Add(FieldIdentifier.Create(field), message);

    /// <summary>Says it about the form as a whole.</summary>
    public static void Refuse(this EditContext form, string message) => form.Add(new FieldIdentifier(form.Model, ""), message);

    private static void Add(this EditContext form, FieldIdentifier field, string message)
    {
        Stores.GetValue(form, static f => new ValidationMessageStore(f)).Add(field, message);
        form.NotifyValidationStateChanged();
    }
}

internal static class FieldNames
{
    /// <summary>The id of the control of a property: <c>BillingEmail</c> → <c>field-billingemail</c>. One form of a page may say <c>IdPrefix</c> when two have the same field.</summary>
    public static string Id(string property, string? prefix = null) => $"{prefix ?? "field"}-{property.ToLowerInvariant()}";
}
