// A border crossing on purpose, outside the product, so that the border test is seen to find one.
namespace Tracepipe.Tests.Structure.Planted.Keys
{
    internal static class Ring
    {
        public static int Count() => Platform.Low.Two;
    }
}

namespace Tracepipe.Tests.Structure.Planted.Platform
{
    internal static class Low
    {
        public const int Two = 2;

        public static int Crosses() => Keys.Ring.Count();
    }
}
