using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>Keeps the keys that protect cookies and tokens in the database, so that every node and every restart reads what another one wrote.</summary>
internal sealed class DatabaseKeyRing(Database database, TimeProvider clock) : IXmlRepository
{
    // The framework's interface is synchronous; it is called at start and once in weeks.
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var connection = database.Work.OpenConnection();
        using var command = new NpgsqlCommand("select xml from data_protection_keys", connection);
        using var reader = command.ExecuteReader();
        var elements = new List<XElement>();
        while (reader.Read()) elements.Add(XElement.Parse(reader.GetString(0)));
        return elements;
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        using var connection = database.Work.OpenConnection();
        using var command = new NpgsqlCommand("insert into data_protection_keys (name, xml, created_at) values ($1, $2, $3) on conflict (name) do nothing", connection);
        command.Parameters.AddWithValue(friendlyName);
        command.Parameters.AddWithValue(element.ToString(SaveOptions.DisableFormatting));
        command.Parameters.AddWithValue(clock.GetUtcNow());
        command.ExecuteNonQuery();
    }
}
