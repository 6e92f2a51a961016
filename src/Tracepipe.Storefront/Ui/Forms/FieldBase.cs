using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Forms;

namespace Tracepipe.Storefront.Ui;

/// <summary>What a labelled control of a form knows: its ids, its help, and what is wrong with it.</summary>
public abstract class FieldBase<T> : InputBase<T>
{
    [Parameter, EditorRequired] public string Label { get; set; } = "";

    /// <summary>One sentence below the control; an error takes its place.</summary>
    [Parameter] public string? Help { get; set; }

    /// <summary>Marked in the label; what is required is not marked.</summary>
    [Parameter] public bool Optional { get; set; }

    /// <summary>Makes the ids differ where a page has two forms with the same field.</summary>
    [Parameter] public string? IdPrefix { get; set; }

    protected string Id => FieldNames.Id(FieldIdentifier.FieldName, IdPrefix);

    protected string NoteId => Id + "-note";

    /// <summary>What is wrong, or null.</summary>
    protected string? Error => EditContext?.GetValidationMessages(FieldIdentifier).FirstOrDefault();

    protected string? DescribedBy => Error is null && Help is null ? null : NoteId;

    protected string Name => NameAttributeValue;
}
