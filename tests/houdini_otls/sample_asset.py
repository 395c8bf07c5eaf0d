"""A small asset as Raceway composes them: prototypes by partKey, instances that inherit them."""

ASSET = """#usda 1.0
(
    defaultPrim = "bearing"
    metersPerUnit = 0.001
    upAxis = "Z"
)
def Xform "bearing" (
    kind = "assembly"
)
{
    class "Products"
    {
        class Xform "ball"
        {
            custom string raceway:partKey = "ball"
            def Scope "geo"
            {
                def Mesh "mesh"
                {
                    uniform token subdivisionScheme = "none"
                    float3[] extent = [(0, 0, 0), (1, 1, 0)]
                    int[] faceVertexCounts = [3]
                    int[] faceVertexIndices = [0, 1, 2]
                    point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
                    normal3f[] normals = [(0, 0, 1), (0, 0, 1), (0, 0, 1)] (
                        interpolation = "faceVarying"
                    )
                }
            }
        }
        class Xform "ring"
        {
            custom string raceway:partKey = "ring"
            def Scope "geo"
            {
            }
        }
    }
    def Xform "ball_1" (
        instanceable = true
        inherits = </bearing/Products/ball>
    )
    {
    }
    def Xform "ring_1" (
        instanceable = true
        inherits = </bearing/Products/ring>
    )
    {
    }
}
"""

ENTRY = "demo/assets/bearing/usd/bearing.usd"
