"""The one registry of process steps: the named units of pipeline work that workflows and jobs are made of.

A step says what it does, on which queue it runs, which parameters it takes, what it needs from the steps before it and
what it gives to the next; the service's tasks do the work. :mod:`shared.step_schema` has what a step is made of.
"""

from __future__ import annotations

from dataclasses import replace

from shared.errors import InputError
from shared.step_schema import Parameter, Port, Step

RELATIVE_DEFLECTION = Parameter(
    "relative_deflection",
    "number",
    "Largest distance between the mesh and the true surface, as a share of each part's size.",
    default=0.001,
    minimum=0.000001,
    maximum=0.5,
    recommendation="0.001 for stills; 0.0003 for close-ups.",
    warning="Halving it about doubles the triangles of curved parts.",
)
LINEAR_DEFLECTION = Parameter(
    "linear_deflection",
    "number",
    "Largest distance between the mesh and the true surface; in place of the share of each part's size.",
    unit="mm",
    minimum=0.000001,
    maximum=1_000_000,
    recommendation="Leave it empty, so that a small screw in a large machine is still round.",
    warning="One distance for all parts makes large ones needlessly fine and small ones coarse.",
)
ANGULAR_DEFLECTION = Parameter(
    "angular_deflection",
    "number",
    "Largest angle between neighbouring facets.",
    default=0.25,
    unit="radians",
    minimum=0.01,
    maximum=3.0,
    recommendation="0.25 for stills; 0.1 for chrome and glass seen close.",
    warning="Below 0.05 small fillets get more triangles than all the rest.",
)
WIDTH = Parameter(
    "width",
    "integer",
    "Width of the picture.",
    default=960,
    unit="px",
    minimum=16,
    maximum=16384,
    recommendation="960 for a preview, 1920 or 3840 for delivery.",
    warning="Render time and memory grow with width times height.",
)
HEIGHT = Parameter(
    "height",
    "integer",
    "Height of the picture.",
    default=540,
    unit="px",
    minimum=16,
    maximum=16384,
    recommendation="9/16 of the width; the camera frames the object for any proportion.",
    warning="Films need even numbers.",
)
SAMPLES = Parameter(
    "samples",
    "integer",
    "Light paths for each pixel.",
    default=48,
    minimum=1,
    maximum=65536,
    recommendation="48 with the denoiser for a preview, 256 and more for production.",
    warning="Render time grows in proportion.",
)
ENGINE = Parameter(
    "engine",
    "string",
    "The renderer.",
    default="cycles",
    choices=("cycles", "eevee"),
    recommendation="cycles, which needs no display; eevee is quicker on machines with OpenGL.",
    warning="An engine that fails is a failure: no other one is taken silently.",
)
DEVICE = Parameter(
    "device",
    "string",
    "What computes: a GPU where there is one, or the named kind.",
    default="auto",
    choices=("auto", "cpu", "gpu"),
    recommendation="auto; the job document says what was used and why.",
    warning="On a CPU a production picture takes many times as long.",
)
BACKGROUND = Parameter(
    "background",
    "string",
    "What stands behind the object: a studio, or nothing.",
    default="auto",
    choices=("auto", "studio", "transparent"),
    recommendation="auto: the studio, or what the stage has where it lights itself; transparent to lay over something.",
    warning="Transparent pictures need a format with alpha, such as PNG or EXR.",
)

LIGHTING = Parameter(
    "lighting",
    "string",
    "What lights the object: the lights that were published with it, or a studio.",
    default="auto",
    choices=("auto", "studio", "stage"),
    recommendation="auto: the stage's own lights where it has any, else the studio; the job says which it was.",
    warning="stage fails where nobody published a light; studio shows a shot in another light than its own.",
)
CAMERA = Parameter(
    "camera",
    "string",
    "What the picture is seen through: auto, framed, or the path of a camera prim such as /shot/cameras/hero.",
    default="auto",
    recommendation="auto: the stage's own camera where it has one, else one placed for the object (framed).",
    warning="A stage with several cameras is framed, except where its render settings choose one or you name one.",
)
HDRI = Parameter(
    "hdri",
    "string",
    "Path of a panorama (.hdr, .exr) on the storage that lights the object and stands behind it.",
    recommendation="Leave it empty for the studio; choose one to show the object in a place.",
    warning="It replaces the background.",
)
FORMAT = Parameter(
    "format",
    "string",
    "Format of the pictures.",
    default="png",
    choices=("png", "exr"),
    recommendation="png to look at, exr (half float, scene linear) for compositing.",
    warning="EXR files are several times as large, and browsers do not show them.",
)
FILM_FORMAT = replace(
    FORMAT,
    help="What the frames become: a film (mp4), or pictures.",
    default="mp4",
    choices=("mp4", "png", "exr"),
    recommendation="mp4 to look at, exr for compositing.",
    warning="A film has no alpha and needs even numbers of pixels.",
)
CHUNK = Parameter(
    "chunk",
    "integer",
    "Frames that one worker renders at a time.",
    default=8,
    minimum=1,
    maximum=1000,
    recommendation="So many that a chunk takes some minutes; 1 for frames of half an hour.",
    warning="Each chunk loads the scene once: small chunks load it often.",
)
FPS = Parameter(
    "fps",
    "integer",
    "Frames in a second of the film.",
    default=24,
    minimum=1,
    maximum=240,
    recommendation="24 for film, 25 for PAL, 30 for the web.",
    warning="It changes how fast the same frames play.",
)

SUBJECT = Port("subject", ("publish", "model"), "what is on the picture: a publish, or a converted CAD file")
PICTURES = Port("pictures", ("pictures",), "the pictures")
FILM = Port("film", ("film",), "the film, where the format is mp4")

STEPS: tuple[Step, ...] = (
    Step(
        "convert",
        "Convert CAD",
        "Reads a STEP file and writes the USD master, the GLB and the scene manifest, one partKey for each product.",
        "cad",
        (RELATIVE_DEFLECTION, LINEAR_DEFLECTION, ANGULAR_DEFLECTION),
        inputs=(Port("cad_file", ("cad_file", "model"), "the CAD file to convert"),),
        outputs=(
            Port("model", ("model",), "the CAD file, converted"),
            Port("parts", ("integer",), "number of parts"),
            Port("triangles", ("integer",), "number of triangles"),
        ),
    ),
    Step(
        "publish",
        "Publish CAD",
        "Publishes a converted CAD file as its asset's model and look, checked, without any DCC.",
        "cad",
        (
            Parameter(
                "look",
                "boolean",
                "Whether to publish the materials too, as each part wears them now.",
                default=True,
                recommendation="true, unless artists publish the look of this asset from Blender or Houdini.",
                warning="Without a look the parts wear the colours of the CAD file.",
            ),
            Parameter(
                "status",
                "string",
                "Status of the publish.",
                default="approved",
                choices=("wip", "review", "approved"),
                recommendation="review where somebody looks at it before others build on it.",
                warning="Everybody who refers to the asset gets an approved publish at once.",
            ),
        ),
        inputs=(Port("model", ("model",), "the converted CAD file"),),
        outputs=(Port("publish", ("publish",), "the publish of the look, or of the model where there is no look"),),
    ),
    Step(
        "still",
        "Render still",
        "Renders one picture of a published asset in headless Blender, framed and lit, with its thumbnail.",
        "render",
        (WIDTH, HEIGHT, SAMPLES, ENGINE, DEVICE, CAMERA, LIGHTING, BACKGROUND, HDRI, FORMAT),
        inputs=(SUBJECT,),
        outputs=(PICTURES,),
    ),
    Step(
        "turntable",
        "Render turntable",
        "Turns a published asset or CAD file once before the camera, without a seam, and encodes the film.",
        "render",
        (
            Parameter(
                "frames",
                "integer",
                "Frames of a full turn.",
                default=96,
                minimum=2,
                maximum=10_000,
                recommendation="96: four seconds at 24 frames a second.",
                warning="Each frame takes as long as a still.",
            ),
            CHUNK,
            FPS,
            *(WIDTH, HEIGHT, SAMPLES, ENGINE, DEVICE, CAMERA, LIGHTING, BACKGROUND, HDRI, FILM_FORMAT),
        ),
        inputs=(SUBJECT,),
        outputs=(FILM, PICTURES),
    ),
    Step(
        "frames",
        "Render frames",
        "Renders a range of frames of a published shot or asset, in chunks on several workers.",
        "render",
        (
            Parameter(
                "frames",
                "string",
                "The frames, such as 1-24, 1-24x2 for every second one, or 1,5,9-12.",
                required=True,
                recommendation="The range of the shot; every tenth frame for a first look.",
                warning="Each frame takes as long as a still.",
            ),
            CHUNK,
            FPS,
            *(WIDTH, HEIGHT, SAMPLES, ENGINE, DEVICE, CAMERA, LIGHTING, BACKGROUND, HDRI),
            replace(FILM_FORMAT, default="png"),
        ),
        inputs=(SUBJECT,),
        outputs=(PICTURES, FILM),
    ),
    Step(
        "husk",
        "Render with Karma",
        "Renders a range of frames of a published shot or asset with Houdini's husk, lit and framed as its stage says.",
        "render",
        (
            Parameter(
                "frames",
                "string",
                "The frames, such as 1-24, 1-24x2 for every second one, or 1,5,9-12.",
                required=True,
                recommendation="The range of the shot.",
                warning="Only workers with the capability houdini render them.",
            ),
            CHUNK,
            *(WIDTH, HEIGHT, SAMPLES, DEVICE, CAMERA, replace(FORMAT, default="exr")),
        ),
        inputs=(SUBJECT,),
        outputs=(PICTURES,),
    ),
    Step(
        "thumbnail",
        "Render thumbnail",
        "Renders a small, quick picture of a CAD file or published asset for lists.",
        "render",
        (
            replace(WIDTH, default=320, maximum=1024, recommendation="320, which is what lists show."),
            replace(HEIGHT, default=180, maximum=1024),
            replace(SAMPLES, default=12, maximum=256, recommendation="12: at this size noise is not seen."),
            ENGINE,
            DEVICE,
            CAMERA,
            LIGHTING,
            BACKGROUND,
        ),
        inputs=(SUBJECT,),
        outputs=(PICTURES,),
    ),
    Step(
        "deliver",
        "Deliver",
        "Copies pictures, films and files to a delivery folder, with a manifest of their sizes and SHA-256 digests.",
        "default",
        (
            Parameter(
                "folder",
                "string",
                "Name of the folder below the project's deliveries.",
                recommendation="Leave it empty: it is then named after the asset and the moment.",
                warning="A delivery never changes: a name that is taken is refused.",
            ),
            Parameter(
                "link",
                "boolean",
                "Whether files of the same disk are linked instead of copied, which takes no space.",
                default=False,
                recommendation="false where somebody works on the delivered files.",
                warning="What is written into a linked file also changes the original.",
            ),
        ),
        inputs=(
            Port("files", ("pictures", "film", "files"), "what is delivered", many=True),
            Port("publish", ("publish",), "a publish whose files are delivered too", required=False),
        ),
        outputs=(Port("files", ("files",), "the delivered files, and their manifest"),),
    ),
)

PLAYLIST_FILM = Step(
    "playlist_film",
    "Make a playlist's film",
    "Shows the pictures and films of a playlist one after the other as one film.",
    "render",
)
"""Asked for where a playlist is looked at; no workflow is made of it."""
LABELS = {step.name: step.label for step in (*STEPS, PLAYLIST_FILM)}
"""What people call each kind of job."""

_BY_NAME = {step.name: step for step in (*STEPS, PLAYLIST_FILM)}


def step(name: str) -> Step:
    """The step of that name; raises InputError naming those that workflows are made of."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise InputError(
            f"There is no process step {name!r}.",
            hint=f"Choose one of {', '.join(each.name for each in STEPS)}.",
            code="input.step",
        ) from None
