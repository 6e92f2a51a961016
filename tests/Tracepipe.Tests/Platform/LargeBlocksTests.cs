using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Platform;

/// <summary>Catches: two requests that write into the same memory.</summary>
public sealed class LargeBlocksTests(TestApp app) : IClassFixture<TestApp>
{
    private static byte[] ArrayOf(IMemoryOwner<byte> block) => MemoryMarshal.TryGetArray<byte>(block.Memory, out var array) ? array.Array! : throw new InvalidOperationException("No array.");

    // Seen to fail when a block given back twice was kept twice.
    [Fact]
    public void No_two_hold_the_same_block_however_often_one_is_given_back()
    {
        using var pool = new LargeBlocks().Create();
        var first = pool.Rent(4096);
        var array = ArrayOf(first);
        first.Dispose();
        first.Dispose();
        using var again = pool.Rent(4096);
        using var other = pool.Rent(4096);
        Assert.Same(array, ArrayOf(again));
        Assert.NotSame(array, ArrayOf(other));
        Assert.Equal(LargeBlocks.BlockBytes, other.Memory.Length);
    }

    [Fact]
    public void What_is_larger_than_a_block_is_refused()
    {
        using var pool = new LargeBlocks().Create();
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(LargeBlocks.BlockBytes + 1));
    }

    [Fact]
    public void Hundreds_at_once_are_all_different_and_a_part_of_them_is_handed_out_again()
    {
        using var pool = new LargeBlocks().Create();
        var all = Enumerable.Range(0, 700).Select(_ => pool.Rent()).ToList();
        var arrays = all.Select(ArrayOf).ToHashSet();
        Assert.Equal(700, arrays.Count);
        all.ForEach(b => b.Dispose());
        var later = Enumerable.Range(0, 700).Select(_ => pool.Rent()).ToList();
        Assert.Equal(700, later.Select(ArrayOf).Distinct().Count());
        Assert.Equal(LargeBlocks.MostKept, later.Count(b => arrays.Contains(ArrayOf(b))));
    }

    [Fact]
    public void The_server_takes_its_memory_from_here() => Assert.IsType<LargeBlocks>(app.Services.GetRequiredService<IMemoryPoolFactory<byte>>());
}
