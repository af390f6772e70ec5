"""Small copies of the published layouts: a few 8 x 10 pictures each."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
from pycocotools import mask as coco

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 8, 10


def rectangle(*box, height=HEIGHT, width=WIDTH):
    """Mask of (x0, y0, x1, y1)."""
    mask = np.zeros((height, width), bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return mask


SHIP = rectangle(1, 1, 4, 3)
DOCK = rectangle(5, 2, 9, 7)
NOTHING = np.zeros((HEIGHT, WIDTH), bool)


def save_image(path, height=HEIGHT, width=WIDTH):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 255, (height, width, 3), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def save_mask(path, mask, value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, mask.astype(np.uint8) * value)[1].tobytes())


def save_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def rle(mask):
    """As pycocotools packs it, with the counts as text."""
    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in packed["size"]], "counts": packed["counts"].decode()}


def make_rrsis_d(root, entries):
    """Entries: (split, file name, mask, sentences)."""
    refs, annotations, images = [], [], []
    for number, (split, name, mask, sentences) in enumerate(entries):
        refs.append(
            {
                "ref_id": number,
                "ann_id": 100 + number,
                "image_id": 200 + number,
                "category_id": 1,
                "split": split,
                "file_name": name,
                "sentences": [{"sent": text.lower(), "raw": text} for text in sentences],
            }
        )
        annotations.append(
            {
                "id": 100 + number,
                "image_id": 200 + number,
                "category_id": 1,
                "bbox": [1, 1, 3, 2],
                "segmentation": [rle(mask)],
            }
        )
        images.append({"id": 200 + number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        save_image(root / "images" / "rrsisd" / "JPEGImages" / name)
    save_json(
        root / "rrsisd" / "instances.json",
        {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "storagetank"}],
        },
    )
    (root / "rrsisd" / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    return root


def make_phrases(root, lines, masks, folders=("images", "masks"), suffix=".tif"):
    """Lines: split to a list of "name phrase"; masks: stem to mask."""
    for stem, mask in masks.items():
        save_image(root / folders[0] / f"{stem}{suffix}")
        save_mask(root / folders[1] / f"{stem}{suffix}", mask)
    for split, phrases in lines.items():
        text = "\n".join(phrases)
        (root / f"output_phrase_{split}.txt").write_text(text, encoding="utf-8")
    return root


def make_earthreason(root, samples):
    """Samples: (split, name, mask, questions, answers)."""
    for split, name, mask, questions, answers in samples:
        save_image(root / split / "images" / f"{name}.jpg")
        save_mask(root / split / "labels" / f"{name}.png", mask, value=1)
        save_json(
            root / split / "QAs" / f"{name}.json", {"questions": questions, "answer": answers}
        )
    return root


def lasers_record(number, description, answer, *masks, image="0.png"):
    return {
        "id": number,
        "image_source": "FAST",
        "image_name": image,
        "size": [HEIGHT, WIDTH],
        "split": "test",
        "description": description,
        "answer": answer,
        "mask": [rle(mask) for mask in masks],
    }


def make_lasers(root, files):
    """Files: "train/train_data" to a list of records."""
    for name, records in files.items():
        split, stem = name.split("/")
        save_json(root / split / "annotations" / f"{stem}.json", records)
        for record in records:
            image = root / split / "images" / record["image_name"]
            if not image.exists():
                save_image(image)
    return root


def make_samrs(root, instances, *, boxes=True):
    """Instances: image name to (category, mask, box); a pickle as SAMRS's script writes it."""
    for name, found in instances.items():
        save_image(root / "images" / f"{name}.png")
        rows = [
            {
                "mask": rle(mask),
                "category": category,
                "label": np.int64(0),
                "size": np.sum(mask),
                **({"bbox": np.array(box, np.float32)} if boxes else {}),
            }
            for category, mask, box in found
        ]
        ins = root / "hbox_segs_init" / "ins"
        ins.mkdir(parents=True, exist_ok=True)
        (ins / f"{name}.pkl").write_bytes(pickle.dumps(rows))
    (root / "train.txt").write_text("\n".join(instances), encoding="utf-8")
    return root
