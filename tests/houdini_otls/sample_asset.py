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
