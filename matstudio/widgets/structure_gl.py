"""Draws a `Drawing` with OpenGL 2.1 into memory. Imported, and used, only in a thread that has a context."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from vispy.gloo import gl

from matstudio.widgets.structure_camera import Camera
from matstudio.widgets.structure_detail import Detail
from matstudio.widgets.structure_drawing import Drawing, Look

FOG = 0.5
_POINT_SPRITE, _POINT_SIZE, _POINT_RANGE = 0x8861, 0x8642, 0x846D
_RGBA8, _DEPTH24, _COMPLETE = 0x8058, 0x81A6, 0x8CD5
_CHUNK = 20_000
_QUADS = 20_000
"""Up to this many atoms are squares of two triangles, which may be of any size; more are points: faster."""

_COMMON = """#version 120
uniform mat4 u_view;   // Å about the centre: right, up, toward the viewer
uniform vec4 u_scale;  // to the right, down, toward the viewer; an eye's 1/distance or 0
uniform vec4 u_depth;  // middle, nearest, 1/range, fog
uniform vec3 u_ground;
vec4 place(vec3 p) {
    float w = 1.0 - p.z * u_scale.w;
    return vec4(p.xy * u_scale.xy, (u_depth.x - p.z) * u_scale.z * w, w);
}
vec3 fogged(vec3 colour, float z) {
    return mix(colour, u_ground, u_depth.w * clamp((u_depth.y - z) * u_depth.z, 0.0, 1.0));
}
"""
_ATOM_VERTEX = (
    _COMMON
    + """
uniform float u_pixels;
uniform float u_grow;
attribute vec4 a_place;
attribute vec4 a_colour;
varying vec3 v_colour;
varying vec2 v_at;
varying float v_thick;
void main() {
    vec3 p = (u_view * vec4(a_place.xyz, 1.0)).xyz;
    float r = a_place.w * u_grow;
    v_colour = fogged(a_colour.rgb, p.z);
    v_thick = 0.5 * r * u_scale.z;
#ifdef QUAD
    float corner = floor(a_colour.a * 3.0 + 0.5);
    v_at = vec2(mod(corner, 2.0), floor(corner / 2.0)) * 2.0 - 1.0;
    gl_Position = place(p + vec3(v_at.x * r, -v_at.y * r, 0.0));
#else
    gl_Position = place(p);
    gl_PointSize = 2.0 * r * u_pixels / gl_Position.w;
#endif
}
"""
)
_ATOM_FRAGMENT = """#version 120
varying vec3 v_colour;
varying vec2 v_at;
varying float v_thick;
void main() {
#ifdef QUAD
    vec2 at = v_at;
#else
    vec2 at = vec2(gl_PointCoord.x, 1.0 - gl_PointCoord.y) * 2.0 - 1.0;
#endif
    float d = dot(at, at);
    if (d > 1.0) discard;
    float z = sqrt(1.0 - d);
    vec3 n = vec3(at, z);
    float light = 0.42 + 0.62 * max(0.0, dot(n, vec3(-0.36, -0.48, 0.80)));
    float gloss = max(0.0, dot(n, vec3(-0.19, -0.25, 0.95)));
    gloss *= gloss; gloss *= gloss; gloss *= gloss; gloss *= gloss; gloss *= gloss;
    gl_FragColor = vec4(v_colour * light * (0.72 + 0.28 * smoothstep(0.0, 0.45, z)) + 0.22 * gloss, 1.0);
#ifdef EXACT
    gl_FragDepth = gl_FragCoord.z - v_thick * z;
#endif
}
"""
_STICK_VERTEX = (
    _COMMON
    + """
uniform float u_thin;
attribute vec4 a_place;   // this end and the radius
attribute vec3 a_other;
attribute vec4 a_colour;
varying vec3 v_colour;
varying float v_across;
varying float v_lit;
void main() {
    vec3 p = (u_view * vec4(a_place.xyz, 1.0)).xyz;
    vec3 q = (u_view * vec4(a_other, 1.0)).xyz;
    float corner = floor(a_colour.a * 3.0 + 0.5);
    float end = floor(corner / 2.0);
    vec2 along = (q - p).xy * (1.0 - 2.0 * end);
    float size = length(along);
    vec2 aside = size > 1e-5 ? vec2(-along.y, along.x) / size : vec2(1.0, 0.0);
    v_across = mod(corner, 2.0) * 2.0 - 1.0;
    v_lit = a_place.w > 0.0 ? 1.0 : 0.0;
    v_colour = fogged(a_colour.rgb, p.z);
    gl_Position = place(p + vec3(aside * v_across * max(a_place.w, u_thin), 0.0));
}
"""
)
_STICK_FRAGMENT = """#version 120
varying vec3 v_colour;
varying float v_across;
varying float v_lit;
void main() {
    float z = sqrt(max(0.0, 1.0 - v_across * v_across));
    gl_FragColor = vec4(v_colour * mix(1.0, 0.35 + 0.65 * z, v_lit), 1.0);
}
"""
_ATOM = np.dtype([("place", "<f4", 4), ("colour", "u1", 4)])
_STICK = np.dtype([("place", "<f4", 4), ("other", "<f4", 3), ("colour", "u1", 4)])
_CORNERS = np.array([0, 85, 170, 255], np.uint8)
_TWO_TRIANGLES = np.array([0, 1, 2, 2, 1, 3], np.uint32)


class Painter:
    """Draws in the context that is current when it is made, and whenever it is called.

    Raises:
        RuntimeError: the driver cannot compile the shaders or make a picture in memory.
    """

    def __init__(self) -> None:
        gl.glEnable(_POINT_SPRITE)
        gl.glEnable(_POINT_SIZE)
        gl.glEnable(gl.GL_DEPTH_TEST)
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
        self.largest = int(gl.glGetParameter(gl.GL_MAX_RENDERBUFFER_SIZE))
        """Most pixels that a side of the picture may have."""
        self._point = float(np.max(gl.glGetParameter(gl.GL_ALIASED_POINT_SIZE_RANGE)))
        self._frame = gl.glCreateFramebuffer()
        self._layers = (gl.glCreateRenderbuffer(), gl.glCreateRenderbuffer())
        self._size = (0, 0)
        self._programs: dict[tuple[bool, bool], int] = {}
        self._sticks_program = _program(_STICK_VERTEX, _STICK_FRAGMENT, ("a_place", "a_other", "a_colour"))
        self._points, self._quads, self._sticks = (gl.glCreateBuffer() for _ in range(3))
        self._stick_order = gl.glCreateBuffer()
        self._orders: dict[tuple[int, bool, int, bool], tuple[int, int]] = {}
        self._drawing: Drawing | None = None
        self._has_quads = False

    def load(self, drawing: Drawing) -> None:
        """Hand a drawing to the driver."""
        for name, _ in self._orders.values():
            gl.glDeleteBuffer(name)
        self._orders.clear()
        self._drawing, self._has_quads = drawing, False
        _fill(self._points, gl.GL_ARRAY_BUFFER, self._atoms(drawing))
        n = len(drawing.sticks)
        ends = np.zeros((n, 4), _STICK)
        ends["place"][:, :2, :3], ends["place"][:, 2:, :3] = drawing.sticks[:, None, 0], drawing.sticks[:, None, 1]
        ends["other"][:, :2], ends["other"][:, 2:] = drawing.sticks[:, None, 1], drawing.sticks[:, None, 0]
        ends["place"][..., 3] = drawing.stick_radii[:, None]
        ends["colour"][..., :3] = drawing.stick_rgb[:, None]
        ends["colour"][..., 3] = _CORNERS
        _fill(self._sticks, gl.GL_ARRAY_BUFFER, ends)
        _fill(self._stick_order, gl.GL_ELEMENT_ARRAY_BUFFER, _triangles(np.arange(n, dtype=np.uint32)))

    def draw(
        self, camera: Camera, size: tuple[int, int], detail: Detail, look: Look, stop: Callable[[], bool]
    ) -> np.ndarray | None:
        """A picture of the drawing that was loaded.

        Args:
            size: width and height, pixels.
            detail: how exactly.
            stop: asked in between; True gives the picture up.

        Returns:
            (height, width, 4) uint8, or None where it was given up.
        """
        drawing = self._drawing
        if drawing is None:
            return None
        self._target(size)
        gl.glClearColor(*look.background, 1.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT | gl.GL_DEPTH_BUFFER_BIT)
        if len(drawing.sites) and not self._draw_atoms(drawing, camera, size, detail, look, stop):
            return None
        if len(drawing.sticks):
            program = self._sticks_program
            gl.glUseProgram(program)
            _see(program, camera, size, drawing, look)
            thin = 0.7 * camera.per_pixel(*size) * max(1.0, min(size) / 900)
            gl.glUniform1f(gl.glGetUniformLocation(program, "u_thin"), thin)
            _attributes(self._sticks, _STICK)
            gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, self._stick_order)
            gl.glDrawElements(gl.GL_TRIANGLES, 6 * len(drawing.sticks), gl.GL_UNSIGNED_INT, None)
        width, height = size
        data = gl.glReadPixels(0, 0, width, height, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE)
        return np.frombuffer(data, np.uint8).reshape(height, width, 4)

    def _draw_atoms(
        self,
        drawing: Drawing,
        camera: Camera,
        size: tuple[int, int],
        detail: Detail,
        look: Look,
        stop: Callable[[], bool],
    ) -> bool:
        pixels = 1 / camera.per_pixel(*size)
        grow = float(np.sqrt(detail.every))
        nearer = 1.4 if camera.perspective else 1.0
        quads = len(drawing.sites) <= _QUADS or 2 * nearer * pixels * grow * drawing.radii.max() > self._point
        program = self._atom_program(quads, detail.exact)
        gl.glUseProgram(program)
        _see(program, camera, size, drawing, look)
        gl.glUniform1f(gl.glGetUniformLocation(program, "u_grow"), grow)
        if not quads:
            gl.glUniform1f(gl.glGetUniformLocation(program, "u_pixels"), pixels)
        elif not self._has_quads:
            corners = np.repeat(self._atoms(drawing), 4).reshape(-1, 4)
            corners["colour"][..., 3] = _CORNERS
            _fill(self._quads, gl.GL_ARRAY_BUFFER, corners)
            self._has_quads = True
        _attributes(self._quads if quads else self._points, _ATOM)
        axis = int(np.argmax(np.abs(camera.rotation[2])))
        order, count = self._order(axis, bool(camera.rotation[2, axis] > 0), detail.every, quads)
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, order)
        each = 6 if quads else 1
        for start in range(0, count, _CHUNK):
            if stop():
                return False
            some = each * min(_CHUNK, count - start)
            mode = gl.GL_TRIANGLES if quads else gl.GL_POINTS
            gl.glDrawElements(mode, some, gl.GL_UNSIGNED_INT, 4 * each * start)
            if detail.exact:
                gl.glFinish()
        return True

    def _atom_program(self, quads: bool, exact: bool) -> int:
        if (quads, exact) not in self._programs:
            defines = ("#define QUAD\n" if quads else "") + ("#define EXACT\n" if exact else "")
            version = "#version 120\n"
            vertex, fragment = (t.replace(version, version + defines) for t in (_ATOM_VERTEX, _ATOM_FRAGMENT))
            self._programs[quads, exact] = _program(vertex, fragment, ("a_place", "a_colour"))
        return self._programs[quads, exact]

    def _order(self, axis: int, from_top: bool, every: int, quads: bool) -> tuple[int, int]:
        """Buffer that has the atoms from the nearest to the farthest, roughly, and how many: what is hidden is then
        not worked out."""
        key = (axis, from_top, every, quads)
        if key not in self._orders and self._drawing is not None:
            along = self._drawing.orders[axis]
            along = np.ascontiguousarray((along[::-1] if from_top else along)[::every])
            name = gl.glCreateBuffer()
            _fill(name, gl.GL_ELEMENT_ARRAY_BUFFER, _triangles(along) if quads else along)
            self._orders[key] = (name, len(along))
        return self._orders[key]

    @staticmethod
    def _atoms(drawing: Drawing) -> np.ndarray:
        atoms = np.zeros(len(drawing.sites), _ATOM)
        atoms["place"][:, :3], atoms["place"][:, 3] = drawing.positions, drawing.radii
        atoms["colour"][:, :3] = drawing.rgb
        return atoms

    def _target(self, size: tuple[int, int]) -> None:
        width, height = size
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._frame)
        if size != self._size:
            kinds = ((gl.GL_COLOR_ATTACHMENT0, _RGBA8), (gl.GL_DEPTH_ATTACHMENT, _DEPTH24))
            for layer, (where, kind) in zip(self._layers, kinds, strict=True):
                gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, layer)
                gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, kind, width, height)
                gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, where, gl.GL_RENDERBUFFER, layer)
            state = gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER)
            if state != _COMPLETE:
                raise RuntimeError(f"no picture of {width} x {height} in memory (status {state})")
            self._size = size
        gl.glViewport(0, 0, width, height)


def _see(program: int, camera: Camera, size: tuple[int, int], drawing: Drawing, look: Look) -> None:
    """Set what both programs need of the camera."""
    view = np.eye(4, dtype=np.float32)
    view[:3, :3] = camera.rotation
    view[:3, 3] = -camera.rotation @ camera.centre
    width, height = size
    per_pixel = camera.per_pixel(width, height)
    middle = float(camera.rotation[2] @ (camera.middle - camera.centre))
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    depths = (drawing.low + corners * (drawing.high - drawing.low) - camera.centre) @ camera.rotation[2]
    reach = 1.1 * max(camera.radius, float(np.abs(depths - middle).max())) + 3.0
    eye = 1 / camera.eye if camera.perspective else 0.0
    at = {name: gl.glGetUniformLocation(program, name) for name in ("u_view", "u_scale", "u_depth", "u_ground")}
    gl.glUniformMatrix4fv(at["u_view"], 1, False, np.ascontiguousarray(view.T))
    gl.glUniform4f(at["u_scale"], 2 / (width * per_pixel), -2 / (height * per_pixel), 1 / reach, eye)
    gl.glUniform4f(at["u_depth"], middle, float(depths.max()), 1 / (2 * camera.radius), FOG)
    gl.glUniform3f(at["u_ground"], *look.background)


def _program(vertex: str, fragment: str, attributes: tuple[str, ...]) -> int:
    program = gl.glCreateProgram()
    for kind, source in ((gl.GL_VERTEX_SHADER, vertex), (gl.GL_FRAGMENT_SHADER, fragment)):
        shader = gl.glCreateShader(kind)
        gl.glShaderSource(shader, source)
        gl.glCompileShader(shader)
        if not gl.glGetShaderParameter(shader, gl.GL_COMPILE_STATUS):
            raise RuntimeError(f"the driver does not compile a shader: {_text(gl.glGetShaderInfoLog(shader))}")
        gl.glAttachShader(program, shader)
        gl.glDeleteShader(shader)
    for place, name in enumerate(attributes):
        gl.glBindAttribLocation(program, place, name)
    gl.glLinkProgram(program)
    if not gl.glGetProgramParameter(program, gl.GL_LINK_STATUS):
        raise RuntimeError(f"the driver does not link a shader: {_text(gl.glGetProgramInfoLog(program))}")
    return int(program)


def _text(log: bytes | str) -> str:
    return " ".join((log.decode(errors="replace") if isinstance(log, bytes) else log).split())


def _fill(name: int, target: int, data: np.ndarray) -> None:
    gl.glBindBuffer(target, name)
    raw = np.ascontiguousarray(data).view(np.uint8)
    gl.glBufferData(target, raw if raw.size else 4, gl.GL_STATIC_DRAW)


def _attributes(buffer: int, kind: np.dtype) -> None:
    gl.glBindBuffer(gl.GL_ARRAY_BUFFER, buffer)
    names = kind.names or ()
    for place, name in enumerate(names):
        part, offset = kind.fields[name][:2]  # type: ignore[index]
        bytes_ = part.base == np.uint8
        gl.glEnableVertexAttribArray(place)
        type_ = gl.GL_UNSIGNED_BYTE if bytes_ else gl.GL_FLOAT
        gl.glVertexAttribPointer(place, part.shape[0], type_, bytes_, kind.itemsize, offset)
    for place in range(len(names), 3):
        gl.glDisableVertexAttribArray(place)


def _triangles(order: np.ndarray) -> np.ndarray:
    """Corners of two triangles a square, (6 N,) uint32."""
    return (4 * order[:, None] + _TWO_TRIANGLES).astype(np.uint32).reshape(-1)
