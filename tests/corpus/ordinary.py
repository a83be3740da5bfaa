"""Failures that hold no secret: ordinary code of the standard library and of installed packages, misused.

Each is a line of Python that raises somewhere below; what its traceback shows is other people's source.
"""

from __future__ import annotations

STATEMENTS = tuple(
    line
    for line in """\
json.loads("{'a': 1}")
json.loads('{"key": "value", "token": }')
json.dumps({"key": {1, 2}})
json.JSONDecoder().raw_decode("nope")
int("12x")
float("1,5")
datetime.datetime.strptime("2024-13-01", "%Y-%m-%d")
datetime.date(2024, 2, 30)
datetime.datetime.fromisoformat("yesterday")
zoneinfo.ZoneInfo("Europe/Nowhere")
decimal.Decimal("1.2.3")
fractions.Fraction("1/0")
statistics.mean([])
statistics.stdev([1])
configparser.ConfigParser().read_string("[a]\\nkey = 1\\n[a]\\nkey = 2")
configparser.ConfigParser().get("section", "option")
configparser.ConfigParser().read_string("no section")
csv.reader("a,b", dialect="unknown")
list(csv.DictReader(5))
argparse.ArgumentParser(exit_on_error=False).parse_args(["--token", "--nope"])
getopt.getopt(["--key"], "", ["key="])
shlex.split("unbalanced 'quote")
urllib.parse.urlsplit("http://[::1/x")
urllib.parse.parse_qs("a=1&b", strict_parsing=True)
urllib.request.urlopen("nonsense://host/path")
urllib.request.urlopen("http://127.0.0.1:1/api/v1/keys?page=2")
http.client.HTTPConnection("127.0.0.1", 1).request("GET", "/")
http.client.HTTPConnection("host:port")
http.cookies.SimpleCookie().load(5)
http.cookies.Morsel().set("a b", "c", "c")
email.message_from_string(5)
email.utils.parsedate_to_datetime("no date")
socket.create_connection(("127.0.0.1", 1), timeout=0.1)
socket.inet_aton("1.2.3.4.5")
ssl.create_default_context(cafile="/no/such/file")
ssl.SSLContext(99)
ipaddress.ip_address("300.1.1.1")
ipaddress.ip_network("10.0.0.1/8")
uuid.UUID("not-a-uuid")
hashlib.new("nohash")
hmac.new("text", b"")
hmac.compare_digest("ü", "u")
secrets.choice([])
base64.b64decode("abc", validate=True)
binascii.unhexlify("xyz")
zlib.decompress(b"nope")
gzip.decompress(b"nope")
bz2.decompress(b"nope")
lzma.decompress(b"nope")
zipfile.ZipFile("/no/such.zip")
tarfile.open("/no/such.tar")
pickle.loads(b"nope")
pickle.dumps(lambda: 1)
copy.deepcopy(open(os.devnull))
struct.unpack("<I", b"abc")
array.array("q", ["a"])
re.compile("(unclosed")
re.compile("*")
re.sub("a", r"\\9", "a")
string.Template("$key $missing").substitute(key=1)
"{missing}".format(key=1)
"%d" % "a"
textwrap.wrap("abc", 0)
fnmatch.filter([1], "*")
glob.glob(5)
pathlib.Path("/no/such/file").read_text()
pathlib.PurePath("/a").relative_to("/b")
os.listdir("/no/such/directory")
os.environ["NO_SUCH_VARIABLE"]
os.kill("pid", 9)
shutil.copy("/no/such", "/tmp/x")
shutil.unpack_archive("a.unknown")
tempfile.NamedTemporaryFile(dir="/no/such")
subprocess.run(["/no/such/program", "--key", "value"])
subprocess.run(["false"], check=True)
subprocess.run(["sleep", "1"], timeout=0.01)
threading.Thread(target=1).join()
queue.Queue(maxsize=1).get_nowait()
concurrent.futures.ThreadPoolExecutor(max_workers=0)
concurrent.futures.ThreadPoolExecutor(1).submit(int, "x").result()
asyncio.run(asyncio.wait_for(asyncio.sleep(1), 0.01))
asyncio.run(5)
contextlib.ExitStack().enter_context(5)
functools.reduce(lambda a, b: a + b, [])
functools.singledispatch(5)(5)
itertools.islice([1], -1)
operator.itemgetter("key")({"token": 1})
operator.attrgetter("session.key")(5)
collections.OrderedDict().popitem()
collections.namedtuple("T", "a a")
collections.ChainMap({})["key"]
collections.deque([]).pop()
heapq.heappop([])
bisect.bisect([1, "a"], "b")
enum.Enum("Color", "RED GREEN")("BLUE")
enum.Enum("Color", "RED GREEN")["BLUE"]
dataclasses.replace(5)
dataclasses.make_dataclass("D", [("key", int), ("token", str)])(1)
typing.get_type_hints(5)
abc.ABC.register(5)
types.SimpleNamespace(key=1).token
inspect.signature(5)
inspect.getsource(len)
importlib.import_module("no_such_module")
importlib.metadata.version("no-such-package")
pkgutil.get_data("json", "missing.txt")
ast.parse("def f(:")
ast.literal_eval("open('x')")
compile("a b", "x", "exec")
tokenize.open("/no/such.py")
list(tokenize.generate_tokens(iter(["(\\n"]).__next__))
sqlite3.connect("/no/such/dir/db")
sqlite3.connect(":memory:").execute("select key from keys where token = ?", ("a",))
sqlite3.connect(":memory:").execute("create table t (id integer primary key, key text, key text)")
xml.etree.ElementTree.fromstring("<a><b></a>")
xml.dom.minidom.parseString("<a")
html.unescape(5)
logging.getLogger("x").setLevel("LOUD")
logging.config.dictConfig({"version": 2})
logging.config.dictConfig({"version": 1, "handlers": {"h": {"class": "no.such.Class"}}})
locale.setlocale(locale.LC_ALL, "xx_XX")
gettext.translation("none", "/no/such")
codecs.lookup("no-codec")
b"\\xff".decode()
"ü".encode("ascii")
unicodedata.name("\\x00")
random.sample([1], 2)
random.choices([1], weights=[0])
math.sqrt(-1)
math.factorial(-1)
cmath.log(0)
calendar.month(2024, 13)
time.strptime("x", "%d")
time.sleep(-1)
select.select([-1], [], [], 0)
selectors.DefaultSelector().register("x", 1)
signal.signal(99, lambda: 1)
mmap.mmap(-1, 0)
io.StringIO(5)
io.BytesIO("x")
io.TextIOWrapper(io.BytesIO(), encoding="none")
open("/no/such/secrets.txt")
weakref.ref(5)
getpass.getuser(5)
pprint.pformat({1: 2}, width=0)
difflib.unified_diff(5, 6).__next__()
unittest.TestCase().assertEqual({"key": 1, "tokens": [1, 2]}, {"key": 2, "tokens": [1]})
unittest.TestCase().assertIn("password", ["user", "name"])
unittest.TestCase().assertRaises(ValueError, int, "1")
unittest.TestCase().assertDictEqual({"author": "me"}, {"author": "you"})
unittest.mock.Mock(spec=["key"]).token
unittest.mock.Mock().assert_called_once_with(key="value")
unittest.mock.patch("no.such.thing").start()
platform.libc_ver("/no/such")
ctypes.CDLL("libnone.so")
mimetypes.MimeTypes(filenames=("/no/such",)).guess_type(5)
netrc.netrc("/no/such/netrc")
plistlib.loads(b"nope")
wsgiref.util.request_uri({})
ftplib.FTP("127.0.0.1", timeout=0.1).connect("127.0.0.1", 1)
smtplib.SMTP("127.0.0.1", 1)
imaplib.IMAP4("127.0.0.1", 1)
poplib.POP3("127.0.0.1", 1)
xmlrpc.client.loads("<a>")
redis.Redis(port=1).ping()
redis.Redis.from_url("nope://localhost")
redis.Redis(unix_socket_path="/no/such").get("key")
redis.asyncio.Redis(5).x
pydantic.TypeAdapter(int).validate_python("x")
pydantic.create_model("Login", user=(str, ...), password=(str, ...))()
pydantic.create_model("Page", key=(int, ...), token=(int, 3))(key="a", token="b")
fastapi.FastAPI().get(5)(6)
fastapi.APIRouter(prefix="x")
starlette.requests.Request({"type": "http"}).session
starlette.routing.Router().url_path_for("none")
starlette.datastructures.Headers({"a": "b"})["authorization"]
httpx.get("http://127.0.0.1:1/keys")
httpx.get("nonsense")
httpx.Client(auth=("a",))
httpx.URL("http://[")
httpx.Headers({"a": "b"})["cookie"]
typer.Typer().command(5)(6)
typer.main.get_command(typer.Typer())
rich.console.Console(style="nope").print("[/x]")
rich.style.Style.parse("no style at all")
uvicorn.Config("no.such:app").load()
prometheus_client.Counter("a b", "c")
prometheus_client.Counter("c", "d", ["key"]).labels("a", "b")
list(prometheus_client.parser.text_string_to_metric_families("a{b"))
numpy.array([1, 2]) @ numpy.array([1, 2, 3])
numpy.linalg.inv(numpy.zeros((2, 2)))
numpy.random.default_rng("x")
numpy.testing.assert_allclose([1.0], [2.0])
numpy.array([[1], [2, 3]], dtype=float)
numpy.zeros(3)["key"]
hypothesis.strategies.integers(5, 1).example()
hypothesis.strategies.text(alphabet="").filter(5).validate()
freezegun.freeze_time("nope").start()
fakeredis.FakeRedis().execute_command("NOPE")
fakeredis.FakeRedis().lpush("key")
execnet.makegateway("nope=1")
pluggy.PluginManager("x").register(None)
packaging.version.Version("a.b")
packaging.requirements.Requirement("a >< 1")
click.Option(["--key"], type=5, nargs=-2)
click.Command("x", params=[click.Option(["--token"], required=True)]).main([], standalone_mode=False)
pygments.lexers.get_lexer_by_name("none")
markdown_it.MarkdownIt("none")
anyio.run(5)
h11.Connection(h11.SERVER).send(5)
h11.Request(method="GET", target="/", headers=[])
idna.encode("a" * 70)
certifi.where(5)
sortedcontainers.SortedDict()["key"]
""".splitlines()
    if line.strip()
)

MODULES = """
abc argparse array ast asyncio base64 binascii bisect bz2 calendar cmath codecs collections concurrent.futures
configparser contextlib copy csv ctypes dataclasses datetime decimal difflib email.utils enum fnmatch fractions
ftplib functools getopt getpass gettext glob gzip hashlib heapq hmac html http.client http.cookies imaplib
importlib.metadata inspect io ipaddress itertools json locale logging.config lzma math mimetypes mmap netrc
operator os pathlib pickle pkgutil platform plistlib poplib pprint queue random re secrets select selectors
shlex shutil signal smtplib socket sqlite3 ssl statistics string struct subprocess tarfile tempfile textwrap
threading time tokenize types typing unicodedata unittest.mock urllib.request uuid weakref wsgiref.util
xml.dom.minidom xml.etree.ElementTree xmlrpc.client zipfile zlib zoneinfo
anyio certifi click execnet fakeredis fastapi freezegun h11 httpx hypothesis idna markdown_it numpy
packaging.requirements packaging.version pluggy prometheus_client.parser pydantic pygments.lexers redis.asyncio
rich.console sortedcontainers starlette.requests starlette.routing starlette.datastructures typer uvicorn
"""

SUITE = """\
import importlib

import pytest

for name in {modules!r}.split():
    try:
        importlib.import_module(name)
        globals()[name.partition(".")[0]] = __import__(name)
    except ImportError:
        pass

"""

# The same failure as people write tests: with locals that sound secret and are none, and a helper between.
SHAPES = (
    "    {statement}\n",
    "    key, tokens = 'name', ['a', 'b']\n    assert {statement} == {{key: tokens}}\n",
    "    def load(key='user', session=None, auth=True):\n        return {statement}\n    load(session=object())\n",
)


def suite() -> str:
    """Return the source of a suite with each statement in one of the shapes."""
    tests = [SUITE.format(modules=MODULES)]
    for number, statement in enumerate(STATEMENTS):
        body = SHAPES[number % len(SHAPES)].format(statement=statement)
        tests.append(f"\ndef test_{number}():\n{body}")
    return "".join(tests)
