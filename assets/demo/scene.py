"""The room around the figure: wall, window light, floor, mat, shadow, and the noise of a camera."""

from __future__ import annotations

import cv2
import numpy as np
from figure import ANKLE_X, FLOOR_Y, Pose

WIDTH, HEIGHT = 640, 480
WALL_END_Y = 372
NOISE_LEVELS = 1.6


def _polygon(
    picture: np.ndarray, points: list[tuple[float, float]], colour: tuple[float, ...], blur: float = 0
) -> None:
    """Blend a filled polygon with smooth edges into `picture`; colour is BGR and an optional opacity."""
    opacity = colour[3] if len(colour) == 4 else 1.0
    mask = np.zeros(picture.shape[:2], np.uint8)
    corners = np.round(np.array(points) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, shift=4)
    cover = mask.astype(np.float32) / 255 * opacity
    if blur:
        cover = cv2.GaussianBlur(cover, (0, 0), blur)
    picture += (np.array(colour[:3], np.float32) - picture) * cover[..., None]


def _box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def draw_room(rng: np.random.Generator) -> np.ndarray:
    """Return the empty room, float32 BGR of shape (HEIGHT, WIDTH, 3)."""
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    glow = np.exp(-(((xs - 150) / 330) ** 2 + ((ys - 150) / 260) ** 2))[..., None]
    wall = np.array((112, 100, 90), np.float32) + glow * np.array((34, 36, 38), np.float32)
    room = wall * (1.02 - 0.16 * (ys / HEIGHT))[..., None]
    depth = np.clip((ys - WALL_END_Y) / (HEIGHT - WALL_END_Y), 0, 1)[..., None]
    floor = np.array((74, 88, 104), np.float32) + depth * np.array((14, 20, 26), np.float32)
    room = np.where(ys[..., None] >= WALL_END_Y, floor + 10 * glow, room)
    _boards(room)
    _polygon(room, _box(0, WALL_END_Y - 9, WIDTH, WALL_END_Y), (128, 122, 116))
    _polygon(room, _box(0, WALL_END_Y, WIDTH, WALL_END_Y + 5), (40, 44, 50, 0.55), blur=2)
    _window(room)
    _shelf(room)
    _polygon(
        room, [(60, WALL_END_Y + 12), (196, WALL_END_Y + 12), (300, HEIGHT), (96, HEIGHT)], (150, 176, 196, 0.22), 7
    )
    _polygon(room, [(186, 410), (470, 410), (502, 442), (154, 442)], (112, 92, 72), blur=0.7)
    _polygon(room, [(192, 413), (464, 413), (490, 438), (166, 438)], (124, 104, 82), blur=0.7)
    grain = cv2.GaussianBlur(rng.normal(0, 7, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.4)
    return (room + grain[..., None]).astype(np.float32)


def _boards(room: np.ndarray) -> None:
    for share in np.linspace(-1.6, 2.6, 22):
        top = WIDTH * (0.5 + (share - 0.5) * 0.62)
        bottom = WIDTH * share
        _polygon(
            room, [(top, WALL_END_Y), (top + 1, WALL_END_Y), (bottom + 2, HEIGHT), (bottom, HEIGHT)], (52, 60, 72, 0.45)
        )


def _window(room: np.ndarray) -> None:
    _polygon(room, _box(48, 62, 196, 262), (60, 56, 52, 0.35), blur=6)
    _polygon(room, _box(46, 58, 194, 258), (168, 166, 162))
    for x0, x1 in ((54, 117), (123, 186)):
        for y0, y1, light in ((66, 156, 1.0), (162, 250, 0.93)):
            _polygon(room, _box(x0, y0, x1, y1), (216 * light, 206 * light, 190 * light))
    _polygon(room, [(54, 214), (90, 196), (117, 208), (117, 250), (54, 250)], (168, 176, 160, 0.7), blur=2)
    _polygon(room, [(123, 206), (150, 190), (186, 212), (186, 250), (123, 250)], (160, 172, 156, 0.7), blur=2)
    _polygon(room, _box(40, 256, 200, 265), (180, 178, 174))


def _shelf(room: np.ndarray) -> None:
    _polygon(room, _box(502, 176, 606, 186), (40, 42, 46, 0.5), blur=5)
    _polygon(room, _box(498, 168, 602, 177), (96, 108, 124))
    books = ((508, 44, (120, 92, 70)), (521, 52, (86, 104, 140)), (535, 40, (132, 138, 120)), (548, 48, (78, 80, 96)))
    for x, tall, colour in books:
        _polygon(room, _box(x, 168 - tall, x + 11, 168), colour)
    _polygon(room, [(572, 168), (592, 168), (596, 146), (568, 146)], (116, 132, 164))
    for dx, dy in ((-16, -26), (-6, -38), (6, -36), (17, -24)):
        _polygon(
            room,
            [(580, 147), (578 + dx * 0.5, 147 + dy * 0.6), (582 + dx, 147 + dy), (585 + dx * 0.4, 148 + dy * 0.4)],
            (96, 128, 96),
        )


def draw_shadow(picture: np.ndarray, pose: Pose) -> None:
    """Darken the floor under the figure: a wide soft shadow, and a dark one where the shoes touch."""
    middle = (pose.hip[0] + pose.chest[0] + 2 * ANKLE_X) / 4 + 22
    wide = 74 + 34 * pose.depth
    ys, xs = np.mgrid[0 : HEIGHT - WALL_END_Y, 0:WIDTH].astype(np.float32)
    ys += WALL_END_Y
    soft = 0.42 * np.exp(-(((xs - middle) / wide) ** 2 + ((ys - FLOOR_Y - 1) / 11) ** 2))
    contact = 0.45 * np.exp(-(((xs - ANKLE_X - 14) / 34) ** 2 + ((ys - FLOOR_Y - 1) / 3.6) ** 2))
    picture[WALL_END_Y:] *= 1 - np.clip(soft + contact, 0, 0.75)[..., None]


def camera_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `picture` as a small camera sees it, uint8: light noise, alike in all colours."""
    noise = rng.normal(0, NOISE_LEVELS, picture.shape[:2]).astype(np.float32)
    return np.clip(picture + noise[..., None] + 0.5, 0, 255).astype(np.uint8)
