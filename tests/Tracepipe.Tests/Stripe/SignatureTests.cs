using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches webhooks that somebody other than Stripe could send, or that were sent before.</summary>
public sealed class SignatureTests
{
    private const string Secret = "whsec_test";
    private static readonly byte[] Body = "{\"id\":\"evt_1\",\"object\":\"event\"}"u8.ToArray();
    private static readonly DateTimeOffset SignedAt = DateTimeOffset.FromUnixTimeSeconds(1795245474);
    private const string Vector = "t=1795245474,v1=6be39f960404005ecec1bd5e9f05a785c4e82e1d500370e42aa780cabf4fff29";

    private static SignatureVerdict Verdict(string? header, double secondsLater = 0, params string[] secrets) =>
        StripeSignature.Verify(Body, header, secrets.Length == 0 ? [Secret] : secrets, SignedAt.AddSeconds(secondsLater)).Verdict;

    [Fact]
    public void The_check_vector_of_Stripes_own_library_is_valid()
    {
        Assert.Equal(new SignatureResult(SignatureVerdict.Valid, SignedAt), StripeSignature.Verify(Body, Vector, [Secret], SignedAt));
        Assert.Equal(Vector, StripeSignature.Sign(Body, Secret, SignedAt));
    }

    [Theory]
    [InlineData(300, SignatureVerdict.Valid)]
    [InlineData(301, SignatureVerdict.TooOld)]
    [InlineData(-300, SignatureVerdict.Valid)]
    [InlineData(-301, SignatureVerdict.TooNew)]
    public void It_is_valid_for_five_minutes_in_both_directions(int secondsLater, SignatureVerdict verdict) => Assert.Equal(verdict, Verdict(Vector, secondsLater));

    [Fact]
    public void A_tolerance_of_nothing_is_no_way_to_switch_the_check_off() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => StripeSignature.Verify(Body, Vector, [Secret], SignedAt, TimeSpan.Zero));

    [Fact]
    public void While_a_secret_is_rolled_both_are_taken()
    {
        Assert.Equal(SignatureVerdict.Valid, Verdict(Vector, 0, "whsec_new", Secret));
        Assert.Equal(SignatureVerdict.Valid, Verdict($"t=1795245474,v1={new string('0', 64)},{Vector.Split(',')[1]},v0=ignored"));
        Assert.Equal(SignatureVerdict.Mismatch, Verdict(Vector, 0, "whsec_new"));
    }

    [Fact]
    public void An_empty_secret_signs_nothing()
    {
        Assert.Throws<ArgumentException>(() => StripeSignature.Sign(Body, "", SignedAt));
        using var anybody = new System.Security.Cryptography.HMACSHA256([]);
        var forged = $"t=1795245474,v1={Convert.ToHexStringLower(anybody.ComputeHash([.. "1795245474."u8, .. Body]))}";
        Assert.Equal(SignatureVerdict.NoSecret, Verdict(forged, 0, ""));
        Assert.Equal(SignatureVerdict.Mismatch, Verdict(forged, 0, "", Secret));
        Assert.Equal(SignatureVerdict.NoSecret, StripeSignature.Verify(Body, forged, [], SignedAt).Verdict);
    }

    [Theory]
    [InlineData(null, SignatureVerdict.Missing)]
    [InlineData("", SignatureVerdict.Missing)]
    [InlineData("nonsense", SignatureVerdict.Malformed)]
    [InlineData("t=1795245474", SignatureVerdict.Malformed)]
    [InlineData("t=1795245474,v0=6be39f960404005ecec1bd5e9f05a785c4e82e1d500370e42aa780cabf4fff29", SignatureVerdict.Malformed)]
    [InlineData("v1=6be39f960404005ecec1bd5e9f05a785c4e82e1d500370e42aa780cabf4fff29", SignatureVerdict.Malformed)]
    [InlineData("t=,v1=6be39f960404005ecec1bd5e9f05a785c4e82e1d500370e42aa780cabf4fff29", SignatureVerdict.Malformed)]
    [InlineData("t=-1,v1=00", SignatureVerdict.Malformed)]
    [InlineData("t=999999999999,v1=00", SignatureVerdict.Malformed)]
    [InlineData("t=99999999999,v1=00", SignatureVerdict.Mismatch)]
    [InlineData("t=1795245474,t=1795245475,v1=00", SignatureVerdict.Malformed)]
    [InlineData("t=1795245474,v1=", SignatureVerdict.Mismatch)]
    [InlineData("t=1795245474,v1=6BE39F960404005ECEC1BD5E9F05A785C4E82E1D500370E42AA780CABF4FFF29", SignatureVerdict.Mismatch)]
    public void A_header_that_is_not_Stripes_is_refused(string? header, SignatureVerdict verdict) => Assert.Equal(verdict, Verdict(header));

    [Fact]
    public void A_header_beyond_two_kilobytes_is_not_read()
    {
        var filler = string.Concat(Enumerable.Repeat(",v0=" + new string('a', 60), 40));
        Assert.Equal(SignatureVerdict.Malformed, Verdict(Vector + filler));
    }

    [Fact]
    public void What_Stripe_signs_is_valid_and_any_flipped_bit_of_it_is_not()
    {
        var secrets = Gen.Choose(1, 40).SelectMany(length => Gen.Elements("abcXYZ019_é".ToCharArray()).ArrayOf(length)).Select(chars => "whsec_" + new string(chars));
        var cases = from body in ArbMap.Default.GeneratorFor<byte[]>()
                    from secret in secrets
                    from bit in Gen.Choose(0, 7)
                    from place in Gen.Choose(0, int.MaxValue - 1)
                    select (body, secret, bit, place);

        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var (body, secret, bit, place) = one;
            var header = StripeSignature.Sign(body, secret, SignedAt);
            bool Valid(byte[] b, string h, string s) => StripeSignature.Verify(b, h, [s], SignedAt).IsValid;
            string Flip(string text) => string.Concat(text.Select((c, at) => at == place % text.Length ? (char)(c ^ (1 << bit)) : c));
            byte[] FlipBody() => [.. body.Select((b, at) => at == place % body.Length ? (byte)(b ^ (1 << bit)) : b)];

            return Valid(body, header, secret)
                && !Valid(body, Flip(header), secret)
                && !Valid(body, header, Flip(secret))
                && !Valid([.. body, (byte)place], header, secret)
                && (body.Length == 0 || !Valid(FlipBody(), header, secret));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Random_headers_neither_pass_nor_throw() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text => !StripeSignature.Verify(Encoding.UTF8.GetBytes(text ?? ""), text, [Secret], SignedAt).IsValid)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
}
