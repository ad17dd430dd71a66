"""Draw the bundled clips: somebody who asks to be counted and does ten squats; and the tour, in which a voice asks for
a count, for start and stop, and for a reminder.

Usage: python assets/demo/make_clip.py [--clip squats|tour] [--seed 7] [--out FOLDER] [--still SECONDS FILE.png]
Writes squats.mp4 (640x480, 30 fps), squats.wav (16 kHz mono), truth-repcount.json and truth-charades.json; tour.mp4,
tour.ogg and truth-tour.json. Everything in them is made here, from the seed: the figure by figure.py and scene.py, the
voice by espeak-ng.
"""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from figure import Pose, draw_figure
from motion import Motion, make_motion
from scene import HEIGHT, WIDTH, camera_noise, draw_room, draw_shadow
from sound import make_sound, write_ogg, write_wav
from tour import LINES, make_tour, truth_of

FPS = 30


def frame_at(motion: Motion, room: np.ndarray, t_s: float, rng: np.random.Generator) -> np.ndarray:
    """Return the picture at `t_s` seconds, uint8 BGR of shape (HEIGHT, WIDTH, 3)."""
    pose = Pose.from_state(motion.state(t_s))
    picture = room.copy()
    draw_shadow(picture, pose)
    draw_figure(picture, pose)
    return camera_noise(picture, rng)


def write_video(path: Path, motion: Motion, seed: int, crf: str = "24") -> None:
    """Draw every frame and encode them as H.264, which every OpenCV wheel decodes."""
    room = draw_room(np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    with av.open(str(path), "w") as container:
        options = {"crf": crf, "preset": "slow", "threads": "1"}
        stream = container.add_stream("libx264", rate=Fraction(FPS), options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(round(motion.duration_s * FPS)):
            picture = frame_at(motion, room, index / FPS, rng)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


def write_truth(folder: Path, motion: Motion) -> None:
    """Write what happens in the clip, in the forms that the two graders read."""
    ends = [round(t, 3) for t in motion.rep_end_times_s]
    repcount = {
        "suite": "repcount-a",
        "action": "squats",
        "count": len(ends),
        "rep_end_times_s": ends,
        "video_start_s": 0.0,
        "duration_s": motion.duration_s,
    }
    charades = {
        "suite": "charades",
        "action": "squats",
        "start_s": round(motion.start_s, 3),
        "stop_s": ends[-1],
        "video_start_s": 0.0,
        "length_s": motion.duration_s,
    }
    for name, truth in (("truth-repcount.json", repcount), ("truth-charades.json", charades)):
        (folder / name).write_text(json.dumps(truth, indent=2) + "\n", "utf-8")


def write_tour(folder: Path, seed: int) -> None:
    """Write the tour, and what happens in it."""
    motion = make_tour(np.random.default_rng(seed))
    write_video(folder / "tour.mp4", motion, seed, crf="26")
    lines = [(line.at_s, line.text) for line in LINES]
    sound, ends_s = make_sound(motion.duration_s, np.random.default_rng(seed), lines)
    write_ogg(folder / "tour.ogg", sound)
    (folder / "truth-tour.json").write_text(json.dumps(truth_of(motion, ends_s), indent=2) + "\n", "utf-8")
    print(f"==> {folder}: the tour, {len(lines)} lines in {motion.duration_s:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--clip", choices=("squats", "tour"), help="make only this one")
    parser.add_argument("--still", nargs=2, metavar=("SECONDS", "FILE.png"), help="write one picture and stop")
    options = parser.parse_args()
    motion = make_motion(np.random.default_rng(options.seed))
    if options.still:
        room = draw_room(np.random.default_rng(options.seed))
        picture = frame_at(motion, room, float(options.still[0]), np.random.default_rng(0))
        cv2.imwrite(options.still[1], picture)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    if options.clip != "tour":
        write_video(options.out / "squats.mp4", motion, options.seed)
        write_wav(options.out / "squats.wav", make_sound(motion.duration_s, np.random.default_rng(options.seed))[0])
        write_truth(options.out, motion)
        print(f"==> {options.out}: {len(motion.rep_end_times_s)} squats in {motion.duration_s:.1f} s")
    if options.clip != "squats":
        write_tour(options.out, options.seed)


if __name__ == "__main__":
    main()
