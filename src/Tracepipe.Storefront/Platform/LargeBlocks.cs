using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The memory through which requests come and answers go, in blocks of 32 KB. With the framework's own of 4 KB a large body is taken from its socket in eight times as many steps, on
/// threads that other requests wait for. A connection that is silent holds none.
/// </summary>
internal sealed class LargeBlocks : IMemoryPoolFactory<byte>
{
    /// <summary>The size of a block in bytes.</summary>
    public const int BlockBytes = 32 * 1024;

    /// <summary>16 MB, what some eighty large bodies at a time take; what more is given back is left to the garbage collection, which looks at the whole heap whenever so large pieces come anew.</summary>
    public const int MostKept = 512;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    private sealed class Pool : MemoryPool<byte>
    {
        private readonly ConcurrentQueue<Block> free = new();
        private int kept;

        public override int MaxBufferSize => BlockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            if (!free.TryDequeue(out var block)) return new Block(this);
            Interlocked.Decrement(ref kept);
            block.HandOut();
            return block;
        }

        protected override void Dispose(bool disposing) => free.Clear();

        private void Keep(Block block)
        {
            if (Interlocked.Increment(ref kept) <= MostKept) free.Enqueue(block);
            else Interlocked.Decrement(ref kept);
        }

        private sealed class Block(Pool pool) : IMemoryOwner<byte>
        {
            private int isOut = 1;

            // Pinned from the start: sockets read into it, and nothing is ever moved around it.
            public Memory<byte> Memory { get; } = MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true), 0, BlockBytes);

            public void HandOut() => isOut = 1;

            // Given back twice it is kept once: two requests never share one.
            public void Dispose()
            {
                if (Interlocked.Exchange(ref isOut, 0) == 1) pool.Keep(this);
            }
        }
    }
}
