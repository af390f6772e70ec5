"""The closed forms, with numbers that can be checked with a pencil."""

from __future__ import annotations

from segearth.profiling import arithmetic


def test_a_linear_layer_of_two_tokens():
    assert arithmetic.linear(2, 3, 5) == 2 * 15


def test_a_convolution_reads_its_kernel_for_every_cell():
    # 4 x 4 cells, each 3 x 3 pixels of 2 channels, for 5 channels: 16 * 9 * 10
    assert arithmetic.convolution(16, 3, 2, 5) == 1440


def test_attention_of_two_tokens_to_three():
    # scores 2 * 3 * 8 and weighted values 2 * 3 * 8
    assert arithmetic.attention(2, 3, 8) == 96


def test_a_bilinear_read_has_four_neighbours():
    assert arithmetic.bilinear(10) == 40


def test_the_connector_has_two_layers():
    # two tokens: from 3 channels to width 4, then 4 to 4
    assert arithmetic.connector(2, 3, 4) == 2 * 12 + 2 * 16


def test_the_word_head_scores_every_word():
    assert arithmetic.word_head(2, 3, 7) == 42


def test_a_block_of_the_language_model():
    # one token, width 4, feed-forward 16: 4 squares of 16, twice 64, and itself to see: 8
    assert arithmetic.language_blocks(1, 1, 4, 16, layers=1) == 64 + 128 + 8
    # LoRA of rank 1 on two projections: down 4, up 4, each
    assert arithmetic.language_blocks(1, 1, 4, 16, layers=3, lora_rank=1) == 3 * (200 + 16)


def test_phi_2_is_what_architects_say_of_it():
    # 2.517 G a token in linear layers, 0.1638 M N^2 in attention, 0.131 G in the word head
    assert arithmetic.language_blocks(1, 0, 2560, 10_240, 32) == 2_516_582_400
    assert 32 * arithmetic.attention(800, 800, 2560) == 104_857_600_000
    assert arithmetic.word_head(1, 2560, 51_200) == 131_072_000


def test_a_tower_of_four_patches():
    # 4 patches of 2 x 2 x 3 values, width 2
    embedding = 4 * 12 * 2
    block = 4 * 2 * (8 + 2 * 3) + 2 * 4 * 4 * 2

    assert arithmetic.vision_transformer(5, 2, 2, 3, layers=0) == embedding
    assert arithmetic.vision_transformer(5, 2, 2, 3, layers=1) == embedding + block


def test_swin_pads_its_maps_to_whole_windows():
    # 8 px, patches of 2: 4 x 4 cells, padded to 6 x 6 for 4 windows of 3 x 3
    embedding = 16 * 12 * 2
    projections, attending, feed_forward = 36 * 2 * 8, 4 * 2 * 9 * 9 * 2, 16 * 2 * 16

    counted = arithmetic.swin(8, 2, 2, depths=(1,), window=3)

    assert counted == embedding + projections + attending + feed_forward


def test_swin_joins_four_cells_between_stages():
    one, two = (arithmetic.swin(8, 2, 2, depths=depths, window=2) for depths in ((1,), (1, 0)))

    assert two - one == 4 * 8 * 4  # 2 x 2 cells, from 4 * 2 channels to 4


def test_deformable_attention_costs_what_it_samples():
    # 32 px: maps of 16, 4 and 1 cells, 21 in all; 1 head, 3 maps, 1 point: 3 samples a cell
    sizes = {"width": 4, "ffn": 0, "heads": 1, "points": 1}
    none, one = (arithmetic.pixel_decoder(32, (1, 1, 1, 1), layers=n, **sizes) for n in (0, 1))

    projections = 21 * 4 * (4 + 4)  # values and output
    offsets_and_weights = 21 * 4 * 9
    sampling = 4 * 21 * 3 * 4  # four neighbours, 3 samples of 4 channels
    assert one - none == projections + offsets_and_weights + sampling


def test_the_fine_map_of_the_pixel_decoder():
    # 32 px: 64 fine cells. Lateral 64 * 1 * 4, resizing 4 * 64 * 4, 3 x 3 and 1 x 1 on 4
    # channels; the coarse maps enter with 1 * 4 a cell
    expected = 256 + 1024 + 64 * 9 * 16 + 64 * 16 + 21 * 4

    counted = arithmetic.pixel_decoder(
        32, (1, 1, 1, 1), width=4, layers=0, ffn=0, heads=1, points=1
    )

    assert counted == expected


def test_queries_decoded_together_share_the_memory():
    sizes = {"side": 32, "width": 4, "layers": 1, "ffn": 8, "language_width": 6}
    # the image: keys and values of the one cell at stride 32; features at 1, 4 and 16 cells
    image = 1 * 2 * 16 + 4 * 4 * 21
    mask_on_the_map = 3 * 16 + 4 * 1
    layer = mask_on_the_map + 2 * 16 + 2 * 1 * 4 + 4 * 16 + 2 * 4 + 2 * 32
    last = 3 * 16 + 4 * 64  # three linear layers, 64 pixels

    one = arithmetic.query_decoder(1, joint=True, **sizes)
    apart = arithmetic.query_decoder(3, joint=False, **sizes)
    together = arithmetic.query_decoder(3, joint=True, **sizes)

    assert one == 6 * 4 + image + layer + last
    assert apart == 3 * one
    # Apart, the image is projected three times; together, 9 pairs of queries meet, not 3.
    assert apart - together == 2 * image - 2 * (9 - 3) * 4


def test_only_candidates_are_scored():
    assert arithmetic.selection(1, 256) == 0
    assert arithmetic.selection(100, 256) == 25_600


def test_upsampling_reads_four_neighbours_a_pixel():
    assert arithmetic.upsampling(3, 8) == 3 * 64 * 4
