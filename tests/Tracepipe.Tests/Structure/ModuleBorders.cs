using System.Reflection;
using System.Reflection.Emit;
using Xunit;

namespace Tracepipe.Tests.Structure;

/// <summary>
/// Catches: a module that reaches into one above or beside it. Reads the compiled code, method bodies included, so that a using directive cannot hide it.
/// </summary>
public sealed class ModuleBorders
{
    private const string Product = "Tracepipe.Storefront";

    /// <summary>What each module may use, besides itself and what those use in turn: the table of the contributing guide.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Platform"] = [],
        ["Ui"] = ["Platform"],
        ["Accounts"] = ["Platform", "Ui"],
        ["Organizations"] = ["Accounts"],
        ["Catalog"] = ["Platform", "Ui"],
        ["Keys"] = ["Organizations"],
        ["Ledger"] = ["Organizations", "Catalog"],
        ["Metering"] = ["Ledger", "Keys"],
        ["Billing"] = ["Ledger", "Metering"],
        ["Traces"] = ["Metering"],
        ["Admin"] = ["Billing", "Traces"],
        ["Demo"] = ["Admin"],
        ["Home"] = ["Admin"],
        ["Site"] = ["Admin"],
    };

    [Fact]
    public void No_module_uses_one_that_is_not_below_it()
    {
        var crossings = Crossings(typeof(Storefront.Product).Assembly, Product).Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.True(crossings.Count == 0, string.Join(Environment.NewLine, crossings));
    }

    [Fact]
    public void A_planted_crossing_is_found()
    {
        // The same reader on this assembly, where Planted.Platform calls Planted.Keys.
        var crossings = Crossings(typeof(ModuleBorders).Assembly, "Tracepipe.Tests.Structure.Planted").ToList();
        Assert.Contains(crossings, c => c.Contains("Platform", StringComparison.Ordinal) && c.Contains("Keys", StringComparison.Ordinal));
        Assert.DoesNotContain(crossings, c => c.StartsWith("Keys ", StringComparison.Ordinal));
    }

    [Fact]
    public void The_Stripe_client_and_the_database_starter_know_nothing_of_ours()
    {
        foreach (var library in new[] { typeof(global::Tracepipe.Stripe.StripeOptions).Assembly, typeof(global::Tracepipe.Postgres.EmbeddedPostgresOptions).Assembly })
            Assert.DoesNotContain(library.GetReferencedAssemblies(), a => a.Name!.StartsWith("Tracepipe", StringComparison.OrdinalIgnoreCase));
    }

    private static IEnumerable<string> Crossings(Assembly assembly, string root)
    {
        foreach (var type in assembly.GetTypes())
        {
            if (Module(type, root) is not { } from) continue;
            foreach (var used in Uses(type))
            {
                if (Module(used, root) is not { } to || string.Equals(from, to, StringComparison.Ordinal)) continue;
                if (!Reachable(from).Contains(to)) yield return $"{from} must not use {to}: {type.FullName} → {used.FullName}";
            }
        }
    }

    private static HashSet<string> Reachable(string module)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(Allowed.TryGetValue(module, out var first) ? first : throw new InvalidOperationException($"Module {module} is not in the table."));
        while (open.TryPop(out var next))
            if (seen.Add(next)) foreach (var below in Allowed[next]) open.Push(below);
        return seen;
    }

    private static string? Module(Type type, string root)
    {
        var name = type.Namespace;
        if (name is null || !name.StartsWith(root + ".", StringComparison.Ordinal)) return null;
        return name[(root.Length + 1)..].Split('.')[0];
    }

    private static IEnumerable<Type> Uses(Type type)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var found = new List<Type?> { type.BaseType };
        found.AddRange(type.GetInterfaces());
        found.AddRange(type.GetFields(all).Select(f => f.FieldType));
        found.AddRange(type.CustomAttributes.SelectMany(a => a.ConstructorArguments).Select(a => a.Value as Type));
        foreach (var method in type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all)))
        {
            found.AddRange(method.GetParameters().Select(p => p.ParameterType));
            if (method is MethodInfo info) found.Add(info.ReturnType);
            if (method.GetMethodBody() is not { } body) continue;
            found.AddRange(body.LocalVariables.Select(l => l.LocalType));
            found.AddRange(body.ExceptionHandlingClauses.Where(c => c.Flags == ExceptionHandlingClauseOptions.Clause).Select(c => c.CatchType));
            found.AddRange(Tokens(method, body.GetILAsByteArray()!));
        }
        return found.OfType<Type>().SelectMany(Parts);
    }

    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType) return Parts(type.GetElementType()!);
        return type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Prepend(type.GetGenericTypeDefinition()) : [type];
    }

    private static IEnumerable<Type?> Tokens(MethodBase method, byte[] il)
    {
        var typeArguments = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < il.Length;)
        {
            var code = il[at] == 0xFE ? TwoBytes[il[at + 1]] : OneByte[il[at]];
            at += code.Size;
            switch (code.OperandType)
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok:
                    var member = method.Module.ResolveMember(BitConverter.ToInt32(il, at), typeArguments, methodArguments);
                    yield return member as Type ?? member?.DeclaringType;
                    if (member is MethodInfo { IsGenericMethod: true } generic)
                        foreach (var argument in generic.GetGenericArguments()) yield return argument;
                    at += 4;
                    break;
                case OperandType.InlineSwitch:
                    at += 4 + (4 * BitConverter.ToInt32(il, at));
                    break;
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    at += 1;
                    break;
                case OperandType.InlineVar:
                    at += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    at += 8;
                    break;
                default:
                    at += 4;
                    break;
            }
        }
    }

    private static readonly Dictionary<byte, OpCode> OneByte = Codes(two: false);
    private static readonly Dictionary<byte, OpCode> TwoBytes = Codes(two: true);

    private static Dictionary<byte, OpCode> Codes(bool two) => typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (OpCode)f.GetValue(null)!)
        .Where(c => c.Size == (two ? 2 : 1))
        .ToDictionary(c => (byte)(c.Value & 0xFF));
}
