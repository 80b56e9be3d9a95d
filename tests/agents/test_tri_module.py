"""The tri-module network and its routing: the gradient table to the bit, the listings to the letter."""

import itertools
import json

import pytest
import torch

from mindsight.agents.tri_module import MODULES, Learner, Term, TriConfig, TriModule
from mindsight.agents.tri_module.algorithms import (
    Batch,
    Reward,
    advantages_by_mean,
    finetune,
    generalized_advantages,
    kindness,
    log_probabilities,
    pretrain,
    simulate_and_imitate,
)
from mindsight.agents.tri_module.functions import attention, gelu
from mindsight.agents.tri_module.model import GROUPS, SeparateModules, head_slices
from mindsight.agents.tri_module.routing import VARIANTS, by_mix, by_term, weighted

CONFIG = TriConfig(vocabulary=23, context=24, width=24, layers=2, heads=(2, 1, 3), hidden=20)
READOUTS = ("two", "last")


def model(readout="two", seed=0, **changes):
    return TriModule(TriConfig(**{**CONFIG.__dict__, "readout": readout, **changes}), seed).double()


def batch(rows=3, length=9, seed=0, reward=0.5, single=False):
    """Random histories; half of the tokens are actions, or just one."""
    rng = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, CONFIG.vocabulary, (rows, length), generator=rng)
    senders = torch.randint(0, 5, (rows, length), generator=rng)
    actions = torch.rand((rows, length), generator=rng) < 0.5
    actions[:, 0] = False
    actions[0, 1] = True
    if single:
        actions[:] = False
        actions[0, 4] = True
    rewards = reward * torch.rand((rows, length), generator=rng, dtype=torch.float64)
    return Batch(tokens, senders, actions, rewards)


def reward_for(some, seed=3):
    count = int(some.actions.sum())
    rng = torch.Generator().manual_seed(seed)
    return Reward(torch.randn(count, generator=rng, dtype=torch.float64))


def moved(before, after):
    """Groups of which some parameter differs, and groups of which one does not."""
    changed = {name: set() for name in GROUPS}
    for (name, old), new in zip(before.items(), after.state_dict().values(), strict=True):
        changed[TriModule.owner(name)].add(bool((old != new).any()))
    return changed


# --- The network -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("readout", READOUTS)
def test_every_parameter_belongs_to_one_group(readout):
    made = model(readout)
    groups = made.groups()
    assert set(groups) == set(GROUPS)
    owned = [id(p) for some in groups.values() for p in some]
    assert sorted(owned) == sorted(id(p) for p in made.parameters())
    assert len(groups["behaviour"]) > len(groups["perception"]) > 0
    for name, count in zip(MODULES, CONFIG.heads, strict=True):
        each = CONFIG.width // sum(CONFIG.heads)
        heads = made.layers[0].get_submodule(name)
        assert heads.qkv.shape == (3, each * count, CONFIG.width)
        assert heads.out.shape == (CONFIG.width, each * count)


@pytest.mark.parametrize("readout", READOUTS)
def test_nothing_is_seen_of_what_comes_later(readout):
    made, some = model(readout), batch()
    whole = some.read(Learner(made))
    part = made(some.tokens[:, :5], some.senders[:, :5])
    for one, other in zip(
        (whole.behaviour, whole.prediction, whole.value), part.__dict__.values(), strict=True
    ):
        torch.testing.assert_close(one[:, :5], other, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("readout", "near"), [("two", 4), ("last", 4), ("two", 1), ("two", 8)])
def test_cached_acting_is_encoding_anew(readout, near):
    """Rows of different lengths, read in pieces of which not all tokens count."""
    made, some = model(readout, near=near).float(), batch(rows=4, length=16)
    cache = made.new_cache(4)
    lengths = torch.zeros(4, dtype=torch.int64)
    rng = torch.Generator().manual_seed(1)
    for _ in range(4):
        counts = torch.randint(1, 5, (4,), generator=rng)
        at = (lengths[:, None] + torch.arange(4)).clamp(max=15)
        out = made(some.tokens.gather(1, at), some.senders.gather(1, at), cache=cache)
        made.advance(cache, counts)
        lengths += counts
        for row in range(4):
            n, m = int(lengths[row]), int(counts[row])
            fresh = made(some.tokens[row : row + 1, :n], some.senders[row : row + 1, :n])
            torch.testing.assert_close(out.behaviour[row, m - 1], fresh.behaviour[0, -1], atol=1e-5, rtol=0)
            torch.testing.assert_close(out.prediction[row, m - 1], fresh.prediction[0, -1], atol=1e-5, rtol=0)
        if int(lengths.max()) > 12:
            break


@pytest.mark.parametrize("name", MODULES)
def test_the_order_of_heads_in_a_module_does_not_matter(name):
    config = TriConfig(vocabulary=23, context=24, width=24, layers=2, heads=(2, 2, 2), hidden=20)
    made, other = TriModule(config).double(), TriModule(config).double()
    some = batch()
    for layer in other.layers:
        heads = layer.get_submodule(name)
        one, two = head_slices(config)[name]
        with torch.no_grad():
            for tensor in (heads.qkv, heads.bias, heads.out):
                kept = tensor[:, one].clone()
                tensor[:, one] = tensor[:, two]
                tensor[:, two] = kept
    for a, b in zip(
        made(some.tokens, some.senders).__dict__.values(),
        other(some.tokens, some.senders).__dict__.values(),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_grafting_makes_behaviour_say_what_is_predicted():
    made, some = model(), batch()
    out = some.read(Learner(made))
    assert not torch.equal(out.behaviour, out.prediction)
    made.graft()
    out = some.read(Learner(made))
    assert torch.equal(out.behaviour, out.prediction)


def test_values_are_put_where_a_regression_has_them():
    made, some = model(), batch(rows=12, length=20)
    states = made.acting_states(some.tokens, some.senders).flatten(0, 1)
    true = torch.randn(CONFIG.width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert made.fit_value(states, states @ true + 3.0, ridge=1e-9) > 0.999
    value = made(some.tokens, some.senders).value.detach().flatten()
    torch.testing.assert_close(value, states @ true + 3.0, atol=1e-4, rtol=1e-4)
    # returns that are all the same are what every state is worth
    made.fit_value(states, torch.full((len(states),), 2.0))
    value = made(some.tokens, some.senders).value.detach()
    torch.testing.assert_close(value, torch.full_like(value, 2.0))


def test_seeds_and_nothing_else_decide_the_parameters():
    torch.manual_seed(1)
    one = model(seed=4).state_dict()
    torch.manual_seed(2)
    same, other = model(seed=4).state_dict(), model(seed=5).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["token.weight"], other["token.weight"])


def test_what_an_older_file_does_not_say_is_the_default_and_what_nobody_knows_is_refused(tmp_path):
    model().save(tmp_path)
    path = tmp_path / "model.json"
    content = json.loads(path.read_text())
    del content["config"]["spread"]
    path.write_text(json.dumps(content))
    assert TriModule.load(tmp_path).config.spread == TriConfig(10).spread
    content["config"]["colour"] = "red"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="colour"):
        TriModule.load(tmp_path)


def test_a_model_is_saved_and_loaded_and_damage_is_named(tmp_path):
    made, some = model().float(), batch()
    made.save(tmp_path)
    again = TriModule.load(tmp_path)
    assert again.config == made.config
    for a, b in zip(
        some.read(Learner(made)).__dict__.values(), some.read(Learner(again)).__dict__.values(), strict=True
    ):
        assert torch.equal(a, b)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors: damaged"):
        TriModule.load(tmp_path)
    content = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**content, "version": 9}))
    with pytest.raises(ValueError, match="version 9, expected 1"):
        TriModule.load(tmp_path)
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(ValueError, match="not a tri-module model"):
        TriModule.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"width": 25}, "width is 25, expected a multiple of 6"),
        ({"heads": (0, 0, 0)}, "heads is"),
        ({"readout": "three"}, "readout is 'three'"),
        ({"layers": 0}, "layers is 0"),
        ({"head": 0}, "head is 0"),
        ({"head": 5}, "a head is 5 wide, expected an even number"),
        ({"spread": 0}, "spread is 0, expected a number above 0"),
    ],
)
def test_sizes_that_cannot_be_are_named(changes, says):
    with pytest.raises(ValueError, match=says):
        model(**changes)


def test_too_long_a_history_is_named():
    some = batch(length=30)
    with pytest.raises(ValueError, match="30 positions, expected 1 to 24"):
        some.read(Learner(model()))


@pytest.mark.parametrize("readout", READOUTS)
def test_heads_need_not_add_up_to_the_width(readout, tmp_path):
    made, some = model(readout, heads=(2, 0, 1), head=6), batch()
    assert made.config.inner == 18 and made.layers[0].behaviour.qkv.shape == (3, 12, CONFIG.width)
    assert made.layers[0].behaviour.out.shape == (CONFIG.width, 12)
    out = some.read(Learner(made))
    cached = made(some.tokens, some.senders, cache=made.new_cache(3))
    for one, other in zip(out.__dict__.values(), cached.__dict__.values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    assert not cached.behaviour.requires_grad
    learner = Learner(made, 1e-2)
    log = [pretrain(learner, some)["prediction"] for _ in range(5)]
    assert log[-1] < log[0]
    made.float().save(tmp_path)
    assert TriModule.load(tmp_path).config == made.config


@pytest.mark.parametrize("length", [1, 7, 32, 33, 70])
def test_attention_is_pytorchs_and_so_is_its_gradient(length):
    rng = torch.Generator().manual_seed(length)
    qkv = torch.randn((2, length, 3, 3, 6), generator=rng, dtype=torch.float64, requires_grad=True)
    angles = torch.randn((length, 3), generator=rng, dtype=torch.float64)
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    one, two = qkv[:, :, :2].chunk(2, -1)
    turned = torch.cat([one * cos - two * sin, one * sin + two * cos], -1)
    q, k, v = torch.cat([turned, qkv[:, :, 2:]], 2).permute(2, 0, 3, 1, 4)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    expected = expected.transpose(1, 2).reshape(2, length, 18)
    found = attention(qkv, (angles.cos(), angles.sin()))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    for _ in range(2):  # a second time, as for a second loss
        given = torch.randn((2, length, 18), generator=rng, dtype=torch.float64)
        one, two = (torch.autograd.grad(out, qkv, given, retain_graph=True)[0] for out in (found, expected))
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)


def test_gelu_is_pytorchs_and_so_is_its_gradient():
    rng = torch.Generator().manual_seed(0)
    x = (3 * torch.randn((4, 50), generator=rng, dtype=torch.float64)).requires_grad_()
    found, expected = gelu(x), torch.nn.functional.gelu(x)
    assert torch.equal(found, expected)
    for _ in range(2):
        given = torch.randn((4, 50), generator=rng, dtype=torch.float64)
        one, two = (torch.autograd.grad(out, x, given, retain_graph=True)[0] for out in (found, expected))
        torch.testing.assert_close(one, two, atol=1e-14, rtol=0)


# --- The table, to the bit ---------------------------------------------------------------------------------
def rows_of_the_table():
    """Each loss of the table alone: a function that takes the step, and what it moves."""
    some = batch()
    nothing = Batch(some.tokens, some.senders, some.actions, -some.rewards)
    reward, zero = reward_for(some), Reward(torch.zeros(int(some.actions.sum()), dtype=torch.float64))
    all_but = {
        "behaviour": {"behaviour", "perception", "shared"},
        "prediction": {"prediction", "perception", "shared"},
    }

    def alone(which):
        def step(learner):
            out = some.read(learner)
            loss = -log_probabilities(getattr(out, which), some).mean()
            return learner.step([Term(which, loss, frozenset(all_but[which]))])

        return step

    return {
        "1 = 5, R > 0": (lambda learner: pretrain(learner, some), set(GROUPS)),
        "1 = 5, R <= 0": (lambda learner: pretrain(learner, nothing), all_but["prediction"]),
        "2 = 6": (lambda learner: finetune(learner, some, reward), set(GROUPS)),
        "a loss on behaviour": (alone("behaviour"), all_but["behaviour"]),
        "a loss on prediction": (alone("prediction"), all_but["prediction"]),
        "3": (lambda learner: simulate_and_imitate(learner, some), set(GROUPS)),
        "3, by reward, R <= 0": (
            lambda learner: simulate_and_imitate(learner, nothing, by_reward=True), all_but["prediction"],
        ),
        "4 = 7": (lambda learner: kindness(learner, some, reward), set(GROUPS)),
        "4 = 7, no advantage, R <= 0": (
            lambda learner: kindness(learner, nothing, zero), all_but["prediction"],
        ),
    }  # fmt: skip


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("row", rows_of_the_table())
def test_which_parameters_a_loss_moves(row, readout):
    step, groups = rows_of_the_table()[row]
    made = model(readout)
    learner = Learner(made, rate=0.1, optimizer="sgd")
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    step(learner)
    changed = moved(before, made)
    for name in GROUPS:
        if name in groups:
            assert True in changed[name], name
        else:
            assert changed[name] == {False}, name
    if "no advantage" in row:
        return  # a gradient of zeros came
    for name, some in learner.groups.items():
        if name not in groups:
            assert all(parameter.grad is None for parameter in some), name


def test_a_reward_gradient_is_the_same_whatever_is_predicted():
    """The two losses of a listing do not mix: behaviour moves by reward alone, prediction by error alone."""
    some, other = batch(), batch(seed=9)
    one, two = model(), model()
    reward = reward_for(some)
    finetune(Learner(one, optimizer="sgd", clip=None), some, reward)
    learner = Learner(two, optimizer="sgd", clip=None)
    acted = Term("reward", reward.loss(some.read(learner), some), frozenset({"behaviour"}))
    noise = -log_probabilities(other.read(learner).prediction, other).mean()
    learner.step([acted, Term("else", noise, frozenset({"prediction"}))])
    for a, b in zip(one.groups()["behaviour"], two.groups()["behaviour"], strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(one.groups()["prediction"], two.groups()["prediction"], strict=True)
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_each_variant_moves(variant):
    some = batch()
    made = SeparateModules(CONFIG).double() if variant == "separate" else model()
    learner = Learner(made, rate=0.1, optimizer="sgd", variant=variant)
    loss = -log_probabilities(some.read(learner, "prediction").prediction, some).mean()
    before = {name: [p.detach().clone() for p in some] for name, some in learner.groups.items()}
    learner.step([Term("prediction", loss, frozenset({"prediction", "perception", "shared"}))])
    changed = {
        name: any(not torch.equal(a, b) for a, b in zip(kept, learner.groups[name], strict=True))
        for name, kept in before.items()
    }
    heads = changed["behaviour"]
    assert heads == (variant in ("unrouted", "unrouted_credit", "random_heads"))
    assert changed["prediction"]
    if variant == "random_heads":  # some heads of each module, not their read-outs' owners
        assert torch.equal(before["behaviour"][-1], learner.groups["behaviour"][-1])


def test_random_heads_move_as_many_heads_as_routed_ones():
    some, made = batch(), model()
    learner = Learner(made, rate=0.1, optimizer="sgd", variant="random_heads", seed=5)
    before = [layer.get_submodule(name).qkv.detach().clone() for layer in made.layers for name in MODULES]
    loss = -log_probabilities(some.read(learner).prediction, some).mean()
    learner.step([Term("prediction", loss, frozenset({"prediction"}))])
    after = [layer.get_submodule(name).qkv for layer in made.layers for name in MODULES]
    count = 0
    for kept, now, name in zip(before, after, list(MODULES) * 2, strict=True):
        for rows in head_slices(CONFIG)[name]:
            count += bool((kept[:, rows] != now[:, rows]).any())
    assert count == CONFIG.layers * CONFIG.heads[1]


# --- The same step, faster ---------------------------------------------------------------------------------
def listings():
    """Every listing with its options: functions that take the step."""
    some, other = batch(), batch(seed=4)
    plain = Batch(some.tokens, some.senders, some.actions)
    nothing = Batch(some.tokens, some.senders, some.actions, -some.rewards)
    count = int(some.actions.sum())
    rng = torch.Generator().manual_seed(8)
    returns = torch.randn(count, generator=rng, dtype=torch.float64)
    full = Reward(returns, returns / 9 - 3.0, returns, entropy=0.1)
    reward = reward_for(some)
    return {
        "1 = 5": lambda learner: pretrain(learner, some),
        "1 = 5, no reward": lambda learner: pretrain(learner, nothing),
        "2 = 6": lambda learner: finetune(learner, some, reward),
        "2 = 6, PPO": lambda learner: finetune(learner, some, full),
        "3": lambda learner: simulate_and_imitate(learner, some),
        "3, by reward": lambda learner: simulate_and_imitate(learner, some, by_reward=True),
        "4 = 7": lambda learner: kindness(learner, some, full, other),
        "4 = 7, no reward": lambda learner: kindness(learner, plain, reward, other),
    }


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("listing", listings())
def test_few_passes_find_the_gradients_of_one_pass_a_loss(listing, variant, readout):
    step = listings()[listing]
    made = []
    for gradients in (by_mix, by_term):
        if variant == "separate":
            one = SeparateModules(TriConfig(**{**CONFIG.__dict__, "readout": readout})).double()
        else:
            one = model(readout)
        learner = Learner(one, 0.1, "sgd", None, variant, seed=2, gradients=gradients)
        for _ in range(2):
            log = step(learner)
        made.append((one, log))
    (fast, one), (obvious, two) = made
    agree(fast, obvious)
    assert one == pytest.approx(two, abs=1e-9)
    for (name, a), b in zip(fast.named_parameters(), obvious.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None), name
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, atol=1e-9, rtol=0, msg=name)


def test_a_difference_reaches_what_its_losses_reach():
    """Found as a difference, a gradient of nothing would be a small number, which Adam would make large."""
    some, grads = batch(), []
    for gradients in (by_mix, by_term):
        learner = Learner(model("last"), optimizer="sgd", gradients=gradients)
        out = some.read(learner)
        common = {"perception", "shared"}
        acted = Term("a", out.behaviour.mean() + out.prediction.square().mean(), {"behaviour"} | common)
        other = Term("b", -log_probabilities(out.behaviour, some).mean(), {"prediction"} | common)
        learner.step([acted, other])
        grads.append({name: p.grad for name, p in learner.model.named_parameters()})
    unreached = "layers.1.prediction.out"
    assert grads[0][unreached] is None and grads[0]["layers.0.prediction.out"] is not None
    assert {name for name, g in grads[0].items() if g is None} == {
        name for name, g in grads[1].items() if g is None
    }


def test_a_rate_that_cannot_be_is_named():
    with pytest.raises(ValueError, match="rate is 0"):
        Term("x", torch.zeros(()), frozenset({"shared"}), 0.0)


# --- The reward-based rate ---------------------------------------------------------------------------------
def test_a_reward_a_hundred_times_smaller_makes_a_step_a_hundred_times_smaller_even_with_adam():
    steps = []
    for scale in (1.0, 0.01):
        some = batch(reward=scale)
        made = model()
        before = [p.detach().clone() for p in made.groups()["behaviour"]]
        pretrain(Learner(made, rate=1e-2, optimizer="adam"), some)
        steps.append(
            torch.cat([(a - b).flatten() for a, b in zip(made.groups()["behaviour"], before, strict=True)])
        )
    assert float((steps[1].norm() / steps[0].norm()).detach()) == pytest.approx(0.01, rel=1e-3)


def test_no_reward_is_no_step_even_with_momentum():
    made = model()
    learner = Learner(made, rate=1e-2)
    pretrain(learner, batch())  # Adam has momentum now
    before = [p.detach().clone() for p in made.groups()["behaviour"]]
    pretrain(learner, batch(reward=-1.0))
    assert all(torch.equal(a, b) for a, b in zip(before, made.groups()["behaviour"], strict=True))
    assert weighted("x", torch.ones(3), torch.tensor([-1.0, 0.0, 0.0]), {"behaviour"}) is None


# --- The listings, line by line, one sample, plain gradient descent ----------------------------------------
def literal(made, rate, rules):
    """The last lines of every listing: head by head, then the rest.

    Args:
        made: the model, changed in place.
        rate: eta.
        rules: for ``"behaviour"``, ``"prediction"``, ``"perception"``, ``"shared"`` a list of (factor to the
            rate, loss).
    """
    named = dict(made.named_parameters())
    losses = {id(loss): loss for some in rules.values() for _, loss in some}
    parameters = list(named.values())
    gradients = {}
    for key, loss in losses.items():
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        gradients[key] = dict(zip(named, found, strict=True))
    updates = {name: torch.zeros_like(tensor) for name, tensor in named.items()}
    slices = head_slices(made.config)
    for number, module in itertools.product(range(made.config.layers), MODULES):
        for rows in slices[module]:  # for each head h_n in M
            for part in ("qkv", "bias", "out"):
                name = f"layers.{number}.{module}.{part}"
                for factor, loss in rules[module]:
                    gradient = gradients[id(loss)][name]
                    if gradient is not None:
                        updates[name][:, rows] -= factor * rate * gradient[:, rows]
    for name in named:  # and the read-outs, and all others
        if (
            ".qkv" in name
            or ".out" in name
            or (
                name.split(".")[-1] == "bias"
                and name.split(".")[0] == "layers"
                and name.split(".")[2] in MODULES
            )
        ):
            continue
        for factor, loss in rules[made.owner(name)]:
            gradient = gradients[id(loss)][name]
            if gradient is not None:
                updates[name] -= factor * rate * gradient
    with torch.no_grad():
        for name, tensor in named.items():
            tensor += updates[name]


def agree(one, two):
    for (name, a), b in zip(one.named_parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=0, msg=name)


def nll(logits, some):
    """-log p of the one action's token, from the logits before it."""
    row, at = (int(x) for x in some.actions.nonzero()[0])
    return -logits[row, at - 1].log_softmax(-1)[some.tokens[row, at]]


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("r", [0.7, -0.3])
def test_listing_1_to_the_letter(r, readout):
    some = batch(rows=1, single=True)
    some = Batch(some.tokens, some.senders, some.actions, torch.full_like(some.rewards, r))
    one, two = model(readout), model(readout)
    pretrain(Learner(one, rate=0.05, optimizer="sgd", clip=None), some)
    out = two(some.tokens, some.senders)  # 3: we ignore the behaviour output here
    loss = nll(out.prediction, some)  # 4
    rate_r = max(0.0, r)  # 5
    literal(
        two,
        0.05,
        {  # 6 to 9
            "behaviour": [(rate_r, loss)],
            "prediction": [(1, loss)],
            "perception": [(1, loss)],
            "shared": [(1, loss)],
        },
    )
    agree(one, two)


@pytest.mark.parametrize("readout", READOUTS)
def test_listing_2_to_the_letter(readout):
    some, advantage = batch(rows=1, single=True), 1.3
    one, two = model(readout), model(readout)
    reward = Reward(torch.tensor([advantage], dtype=torch.float64))
    finetune(Learner(one, rate=0.05, optimizer="sgd", clip=None), some, reward)
    out = two(some.tokens, some.senders)  # 3
    error = nll(out.prediction, some)  # 4
    rewarded = advantage * nll(out.behaviour, some)  # 5
    both = [(1, rewarded), (1, error)]
    literal(  # 6 to 9
        two,
        0.05,
        {"behaviour": [(1, rewarded)], "prediction": [(1, error)], "perception": both, "shared": both},
    )
    agree(one, two)


@pytest.mark.parametrize("readout", READOUTS)
def test_listing_3_to_the_letter(readout):
    some = batch(rows=1, single=True)
    one, two = model(readout), model(readout)
    simulate_and_imitate(Learner(one, rate=0.05, optimizer="sgd", clip=None), some)
    out = two(some.tokens, some.senders)  # 4: imitation and simulation
    imitation, simulation = nll(out.behaviour, some), nll(out.prediction, some)  # 5, 6
    both = [(1, imitation), (1, simulation)]
    literal(  # 7 to 10
        two,
        0.05,
        {"behaviour": [(1, imitation)], "prediction": [(1, simulation)], "perception": both, "shared": both},
    )
    agree(one, two)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("r", [0.6, -0.2])
def test_listing_4_to_the_letter(r, readout):
    some, advantage = batch(rows=1, single=True), -0.8
    some = Batch(some.tokens, some.senders, some.actions, torch.full_like(some.rewards, r))
    one, two = model(readout), model(readout)
    reward = Reward(torch.tensor([advantage], dtype=torch.float64))
    kindness(Learner(one, rate=0.05, optimizer="sgd", clip=None), some, reward)
    out = two(some.tokens, some.senders)
    error = nll(out.prediction, some)  # 4
    rewarded = advantage * nll(out.behaviour, some)  # 7
    rate_r = max(0.0, r)  # 8
    both = [(1, rewarded), (1, error)]
    literal(  # 9 to 16
        two,
        0.05,
        {
            "behaviour": [(1, rewarded), (rate_r, error)],
            "prediction": [(1, error)],
            "perception": both,
            "shared": both,
        },
    )
    agree(one, two)


# --- Reward training ---------------------------------------------------------------------------------------
def test_ppo_is_the_plain_form_at_the_first_step_and_stops_where_it_is_cut():
    some, made = batch(), model()
    out = some.read(Learner(made))
    now = log_probabilities(out.behaviour, some).detach()
    plain = reward_for(some)
    clipped = Reward(plain.advantages, before=now)
    parameters = list(made.parameters())
    one = torch.autograd.grad(plain.loss(out, some), parameters, retain_graph=True, allow_unused=True)
    two = torch.autograd.grad(clipped.loss(out, some), parameters, retain_graph=True, allow_unused=True)
    for a, b in zip(one, two, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)
    far = Reward(plain.advantages.abs(), before=now - 1.0)  # already much more probable than before
    cut = torch.autograd.grad(far.loss(out, some), parameters, allow_unused=True)
    assert all(gradient is None or not gradient.any() for gradient in cut)


def test_advantages_by_hand():
    rewards = torch.tensor([[0.0], [1.0], [2.0]])
    values = torch.tensor([[0.5], [0.5], [0.5], [9.0]])
    ends = torch.tensor([[False], [True], [True]])
    found, returns = generalized_advantages(rewards, values, ends, discount=0.5, trace=0.5)
    second = 1.0 - 0.5
    first = 0.0 + 0.5 * 0.5 - 0.5 + 0.25 * second
    assert found.flatten().tolist() == pytest.approx([first, second, 1.5])
    torch.testing.assert_close(returns, found + values[:-1])
    assert advantages_by_mean(torch.tensor([1.0, 3.0])).tolist() == [-1.0, 1.0]


def test_reward_training_finds_the_rewarded_word():
    """A bandit: one word is rewarded after one history, another after another."""
    made = TriModule(TriConfig(vocabulary=6, context=4, width=24, layers=1, heads=(2, 1, 1), hidden=24), 1)
    learner = Learner(made, rate=1e-2)
    rng = torch.Generator().manual_seed(0)
    share = 0.0
    for _ in range(120):
        first = torch.randint(1, 3, (64,), generator=rng)
        senders = torch.zeros((64, 2), dtype=torch.int64)
        with torch.no_grad():
            logits = made(first[:, None], senders[:, :1]).behaviour[:, 0]
        said = torch.multinomial(logits.softmax(-1), 1, generator=rng)[:, 0]
        gained = (said == first + 2).float()
        share = float(gained.mean())
        actions = torch.tensor([[False, True]]).expand(64, 2)
        some = Batch(torch.stack([first, said], 1), senders, actions)
        finetune(learner, some, Reward(advantages_by_mean(gained)))
    assert share > 0.9


def test_credit_needs_what_it_credits():
    some = batch()
    learner = Learner(model(), variant="unrouted_credit")
    with pytest.raises(ValueError, match="needs the simulated responses"):
        kindness(learner, some, reward_for(some))
    log = kindness(learner, some, reward_for(some), simulated=some)
    assert set(log) == {"reward", "own prediction", "prediction by reward", "credit"}


# --- The step ----------------------------------------------------------------------------------------------
def test_the_log_has_norms_and_cosine_now_and_then():
    learner = Learner(model(), log_every=2)
    some = batch()
    logs = [finetune(learner, some, reward_for(some)) for _ in range(3)]
    assert ["cosine" in log for log in logs] == [True, False, True]
    assert -1.0 <= logs[0]["cosine"] <= 1.0
    assert logs[0]["norm/reward"] > 0 and logs[0]["norm/own prediction"] > 0


def test_a_loss_that_is_not_finite_moves_nothing():
    made, some = model(), batch()
    learner = Learner(made)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    count = int(some.actions.sum())
    with pytest.raises(FloatingPointError, match="the loss 'reward' is nan in step 0"):
        finetune(learner, some, Reward(torch.full((count,), float("nan"), dtype=torch.float64)))
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())


@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_gradient_that_is_not_finite_moves_nothing_though_its_loss_is(clip):
    made = model()
    learner = Learner(made, clip=clip)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    loss = (made.sender.weight * 0.0).abs().sqrt().sum() + (made.norm.weight**2).sum()
    with pytest.raises(
        FloatingPointError, match=r"gradient of the .* parameters is nan in step 0, where losses are broken"
    ):
        learner.step([Term("broken", loss, frozenset(GROUPS))])
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"variant": "rooted"}, "variant is 'rooted'"),
        ({"optimizer": "lion"}, "optimizer is 'lion'"),
        ({"variant": "separate"}, "does not fit a TriModule"),
    ],
)
def test_what_a_learner_cannot_be_is_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        Learner(model(), **arguments)


def test_batches_that_cannot_be_are_named():
    some = batch()
    with pytest.raises(ValueError, match="marks no token"):
        Batch(some.tokens, some.senders, torch.zeros_like(some.actions))
    with pytest.raises(ValueError, match="expected one shape"):
        Batch(some.tokens, some.senders[:, 1:], some.actions)
