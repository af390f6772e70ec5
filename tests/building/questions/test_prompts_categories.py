"""The list of categories is the paper's, and the offline bank can describe every one."""

from segearth.building.questions.prompts_categories import LASERS_CATEGORIES
from segearth.data.vocabulary import KINDS
from segearth.data.vocabulary_implicit import IMPLICIT, descriptors, names, scenarios


def test_the_list_is_table_7s():
    # 65 general ones, 31 fine-grained concepts, 26 parts (counted in the paper's Table 7).
    assert len(LASERS_CATEGORIES) == len(set(LASERS_CATEGORIES)) == 65 + 31 + 26
    assert (LASERS_CATEGORIES[0], LASERS_CATEGORIES[64]) == ("airplane", "windmill")
    assert (LASERS_CATEGORIES[65], LASERS_CATEGORIES[95]) == ("B1-B bomber", "warship")
    assert (LASERS_CATEGORIES[96], LASERS_CATEGORIES[121]) == ("airplane engine", "zebra crossing")


def test_every_category_is_known_and_described_both_ways():
    assert [name for name in LASERS_CATEGORIES if name not in KINDS] == []
    assert [name for name in LASERS_CATEGORIES if name not in IMPLICIT] == []
    for name in LASERS_CATEGORIES:
        assert len(scenarios(name)) >= 3, name
        assert len(descriptors(name)) >= 2, name
        assert not any(names(text, name) for text in IMPLICIT[name]), name


def test_no_description_serves_two_categories():
    shared = {
        (one, other)
        for one in LASERS_CATEGORIES
        for other in LASERS_CATEGORIES
        if one < other and set(IMPLICIT[one]) & set(IMPLICIT[other])
    }

    assert shared == set()
