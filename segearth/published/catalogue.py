"""The benchmarks that are known: what was published, where it lies, how it lies on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is known about a published data set, without having it."""

    name: str
    """As on the command line."""
    title: str
    paper: str
    page: str
    """Where its authors offer it."""
    licence: str
    """In words, with what it rests on: we are no party to it."""
    layout: str
    """The files `segearth data convert` looks for below SRC."""
    unit: str = "expressions"
    """What the published counts count."""
    published: Mapping[str, int] = field(default_factory=dict)
    """Split to count; empty where no counts by split were published."""
    hub: str | None = None
    """Name of the data set on the Hugging Face hub, if it is there in public."""
    steps: tuple[str, ...] = ()
    """How to get it by hand, where it cannot be fetched; SRC stands for the user's folder."""
    needed: tuple[str, ...] = ()
    """What has to exist below SRC after that, for `ls`; patterns are allowed."""
    content: str = ""
    """What these files hold, so that one can see whether they are the right ones."""


_LISTS = ("output_phrase_train.txt", "output_phrase_val.txt", "output_phrase_test.txt")
_PHRASES = ", ".join(_LISTS)

LASERS = Benchmark(
    name="lasers",
    title="LaSeRS",
    paper="SegEarth-R2, arXiv:2512.20013",
    page="https://huggingface.co/datasets/earth-insights/LaSeRS",
    licence="stated on its page; the images come from SAMRS, hence DOTA, DIOR and FAIR1M, "
    "which are for academic use",
    layout="train/images/, train/annotations/*.json, test/images/, test/annotations/*.json",
    unit="masks",
    published={"test": 1_900},
    hub="earth-insights/LaSeRS",
    steps=(
        "open https://huggingface.co/datasets/earth-insights/LaSeRS, accept what it asks for, and "
        "download its files (train.tar.gz and those beside it)",
        "unpack each archive into SRC: tar -xzf FILE -C SRC",
    ),
    needed=("train/images", "train/annotations", "test/images", "test/annotations"),
    content="images, and in annotations JSON lists with image_name, description, answer and mask",
)
RRSIS_D = Benchmark(
    name="rrsis-d",
    title="RRSIS-D",
    paper="RMSIN, CVPR 2024, arXiv:2312.12470",
    page="https://github.com/Lsan2401/RMSIN",
    licence="none stated by its authors; the images are DIOR's (CC BY-NC 4.0)",
    layout="rrsisd/refs(unc).p, rrsisd/instances.json, images/rrsisd/JPEGImages/",
    published={"train": 12_181, "val": 1_740, "test": 3_481},
    steps=(
        "open https://drive.google.com/drive/folders/1Xqi3Am2Vgm4a5tHqiV9tfaqKNovcuK3A (its "
        "authors' page, https://github.com/Lsan2401/RMSIN, names a share on Baidu, too)",
        "download everything in it: the folder rrsisd with refs(unc).p and instances.json, and "
        "the images",
        "put them, archives unpacked, into SRC: refs(unc).p and instances.json into SRC/rrsisd, "
        "the JPEG files into SRC/images/rrsisd/JPEGImages (ann_split with its XML files is not "
        "needed)",
    ),
    needed=("rrsisd/refs(unc).p", "rrsisd/instances.json", "images/rrsisd/JPEGImages"),
    content="800 x 800 JPEG images and 17,402 expressions",
)
REFSEGRS = Benchmark(
    name="refsegrs",
    title="RefSegRS",
    paper="RRSIS, IEEE TGRS 2024, arXiv:2306.08625",
    page="https://huggingface.co/datasets/JessicaYuan/RefSegRS",
    licence="CC BY 4.0 (its authors' README)",
    layout=f"images/*.tif, masks/*.tif, {_PHRASES}",
    published={"train": 2_172, "val": 431, "test": 1_817},
    hub="JessicaYuan/RefSegRS",
    steps=(
        "open https://huggingface.co/datasets/JessicaYuan/RefSegRS, accept what it asks for if it "
        "does, and download RefSegRS.zip (about 3 GB)",
        "unpack it into SRC: unzip -n RefSegRS.zip -d SRC",
    ),
    needed=("images", "masks", *_LISTS),
    content="512 x 512 TIFF images, masks of the same names with 0 and 255, and lists with "
    '"<number> <phrase>" a line',
)
RISBENCH = Benchmark(
    name="risbench",
    title="RISBench",
    paper="CroBIM, arXiv:2410.08613",
    page="https://github.com/HIT-SIRS/CroBIM",
    licence="none stated by its authors; the images are DOTA's (academic use only) and DIOR's "
    "(CC BY-NC 4.0)",
    layout=f"img_rgb/*.png, mask/*.png, {_PHRASES}",
    published={"train": 26_300, "val": 10_013, "test": 16_159},
    steps=(
        "open https://github.com/HIT-SIRS/CroBIM and follow the link to Baidu in its README, the "
        "only place where it is offered, with the access code given there",
        "download everything in the share",
        "put it, archives unpacked, into SRC: the PNG images into SRC/img_rgb, the PNG masks into "
        f"SRC/mask, and into SRC itself {_PHRASES}",
    ),
    needed=("img_rgb", "mask", *_LISTS),
    content="512 x 512 PNG images, masks of the same names with 0 and 255, and lists with "
    '"<name>.png <phrase>" a line; the val list names images called train_*.png, as published',
)
EARTHREASON = Benchmark(
    name="earthreason",
    title="EarthReason",
    paper="SegEarth-R1, arXiv:2504.09644",
    page="https://huggingface.co/datasets/earth-insights/EarthReason",
    licence="stated on its page; the images are Million-AID's and fMoW's",
    layout="{train,val,test}/images/, {train,val,test}/labels/*.png, {train,val,test}/QAs/*.json",
    unit="images",
    published={"train": 2_371, "val": 1_135, "test": 1_928},
    hub="earth-insights/EarthReason",
    steps=(
        "open https://huggingface.co/datasets/earth-insights/EarthReason, accept what it asks "
        "for, and download its files",
        "unpack the archives into SRC; a folder or two around train, val and test, such as "
        "rs_reason_seg/RSReasonSeg, may stay",
    ),
    content="the folders train, val and test, each with images, labels and QAs",
)
SAMRS = Benchmark(
    name="samrs",
    title="SAMRS",
    paper="SAMRS, NeurIPS 2023, arXiv:2305.02034",
    page="https://github.com/ViTAE-Transformer/SAMRS",
    licence="research only (its README); the images are DOTA's, DIOR's and FAIR1M's",
    layout="images/ or JPEGImages*/, *segs*init/ins/*.pkl (or gray/*.png), train.txt, valid.txt",
    steps=(
        "open https://github.com/ViTAE-Transformer/SAMRS and follow the link to OneDrive in its "
        "README",
        "download one subset, SOTA, SIOR or FAST: its images, its folder hbox_segs_init (FAST: "
        "rhbox_segs_init) with ins in it, and its lists train.txt and valid.txt; each subset "
        "needs a folder of its own",
        "put it, archives unpacked, into SRC: the images into SRC/images, the pickles of the "
        "instances into SRC/hbox_segs_init/ins (FAST: SRC/rhbox_segs_init/ins), and into SRC "
        "itself train.txt and valid.txt",
    ),
    needed=("images", "*hbox_segs_init/ins", "train.txt", "valid.txt"),
    content="images, and for each a pickle <name>.pkl; without ins, gray/<name>.png and "
    "--subset sota, sior or fast do as well, and without the lists all images become all.jsonl",
)
COCO = Benchmark(
    name="coco",
    title="COCO instances",
    paper="Lin et al., ECCV 2014, arXiv:1405.0312",
    page="https://cocodataset.org/#format-data",
    licence="your own data",
    layout="annotations/*.json or *.json, and images/ or the images beside them",
)
GEOPACKAGE = Benchmark(
    name="geopackage",
    title="GeoPackage",
    paper="OGC 12-128",
    page="https://www.geopackage.org",
    licence="your own data",
    layout="a layer of polygons with a text column, and GeoTIFFs beside it",
)

BENCHMARKS: Mapping[str, Benchmark] = {
    item.name: item
    for item in (LASERS, RRSIS_D, REFSEGRS, RISBENCH, EARTHREASON, SAMRS, COCO, GEOPACKAGE)
}
