using System.Reflection;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Finds every call the client offers and makes it, with every parameter given.</summary>
internal static class EveryCall
{
    public static IEnumerable<string> Names =>
        from noun in typeof(StripeClient).GetProperties()
        where noun.PropertyType.Name.EndsWith("Service", StringComparison.Ordinal)
        from verb in noun.PropertyType.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        select $"{noun.Name}.{verb.Name}";

    public static MethodInfo Method(string name) => typeof(StripeClient).GetProperty(name.Split('.')[0])!.PropertyType.GetMethod(name.Split('.')[1])!;

    /// <summary>What the call gives: the object, the list, or an item of the list.</summary>
    public static Type ResultOf(MethodInfo verb) => verb.ReturnType.GetGenericArguments()[0];

    public static bool IsPaging(MethodInfo verb) => verb.ReturnType.GetGenericTypeDefinition() == typeof(IAsyncEnumerable<>);

    public static async Task<object?> MakeAsync(StripeClient client, string name)
    {
        var noun = typeof(StripeClient).GetProperty(name.Split('.')[0])!.GetValue(client)!;
        var verb = Method(name);
        var result = verb.Invoke(noun, [.. verb.GetParameters().Select(Argument)]);
        if (result is IAsyncEnumerable<object> items)
        {
            object? last = null;
            await foreach (var item in items) last = item;
            return last ?? items;
        }
        await (Task)result!;
        return result.GetType().GetProperty("Result")!.GetValue(result);
    }

    public static object? Filled(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return "x";
        if (type == typeof(bool)) return true;
        if (type == typeof(int)) return 1;
        if (type == typeof(long)) return 1L;
        if (type == typeof(decimal)) return 1.5m;
        if (type == typeof(DateTimeOffset)) return DateTimeOffset.FromUnixTimeSeconds(1785585600);
        if (type == typeof(IReadOnlyDictionary<string, string>)) return new Dictionary<string, string> { ["key"] = "x" };
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var items = Array.CreateInstance(type.GetGenericArguments()[0], 1);
            items.SetValue(Filled(type.GetGenericArguments()[0]), 0);
            return items;
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Clearable<>))
            return type.GetMethod("op_Implicit")!.Invoke(null, [Filled(type.GetGenericArguments()[0])]);
        var made = Activator.CreateInstance(type)!;
        foreach (var member in type.GetProperties().Where(member => member.CanWrite)) member.SetValue(made, Filled(member.PropertyType));
        return made;
    }

    private static object? Argument(ParameterInfo parameter) =>
        parameter.ParameterType == typeof(RequestOptions) ? new RequestOptions { IdempotencyKey = "every:call" }
        : parameter.ParameterType == typeof(ReadOptions) ? null
        : parameter.ParameterType == typeof(CancellationToken) ? CancellationToken.None
        : Filled(parameter.ParameterType);
}
