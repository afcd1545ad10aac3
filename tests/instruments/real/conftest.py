import pytest


@pytest.fixture
def servers():
    """Servers that are ended with the test: `servers(child)`."""
    children = []
    yield lambda child: children.append(child) or child
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture
def benches():
    """Sources that are closed with the test: `benches(bench)`."""
    made = []
    yield lambda bench: made.append(bench) or bench
    for bench in made:
        bench.source.close()
