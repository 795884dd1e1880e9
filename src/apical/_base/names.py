"""Names: which ones an object may have, since they end up in generated code and in files.

`check_name` is called by the constructor of whatever has a name. `LISTS` holds the words that have
a meaning in Brian2 or in a language that code is generated in, with their sources; a test compares
them with what is installed. Names are ASCII: Python reads several spellings of a name as one
(NFKC: a full-width ``e`` is ``e``), which compilers and files keep apart, and readers confuse
letters of other alphabets that look alike.
"""

import keyword
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from typing import Literal

from apical._base.checking import shown
from apical.errors import ParameterError

Sort = Literal[
    "variable", "synaptic", "object", "population", "key", "function", "word", "label", "path"
]
"""What a name is used for: see `check_name`."""

LONGEST = 64
"""Most characters of a name; projections are called ``<pre>_to_<post>`` by default."""

_MOST = {"object": 2 * LONGEST + 4, "word": 200, "label": 200, "path": 4096}
_SHAPES: dict[str, tuple[str, str]] = {
    "label": (r".*\S.*", "a line of text"),
    "path": (r".*\S.*", "a line of text"),
    "word": (
        r"[A-Za-z0-9][A-Za-z0-9_.:+-]*",
        "a word of letters, digits and '_', '-', '+', '.', ':'",
    ),
    "population": (
        r"[a-z][a-z0-9_]*",
        "a lower-case identifier: a letter, then letters, digits and '_'",
    ),
    "": (r"[A-Za-z][A-Za-z0-9_]*", "an identifier: a letter, then letters, digits and '_'"),
}

_UNITS = """
    amp ampere becquerel candle coulomb farad gram gramme gray henry hertz joule katal lumen lux
    meter metre mol molar mole newton ohm pascal radian second siemens sievert steradian tesla volt
    watt weber
"""
_OTHER_UNITS = """
    Hz kHz MHz ms us mV mA uA nA pA uF nF pF uS nS mM uM nM kelvin kelvin2 kelvin3 kilogram
    kilogram2 kilogram3 kilogramme kilogramme2 kilogramme3 cm cm2 cm3 mm mm2 mm3 um um2 um3
"""
_PREFIXES = ("", *"YZEPTGMkmunpfazy")
_SPECIAL = "t dt t_in_timesteps xi i N lastspike lastupdate not_refractory"
_FUNCTIONS = """
    abs arccos arcsin arctan binomial ceil clip cos cosh exp expm1 exprel floor int log log10 log1p
    poisson rand randn sign sin sinh sqrt tan tanh timestep
"""
_CPP = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
    char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
    constinit continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
    return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename typeof union unsigned using virtual void
    volatile wchar_t while xor xor_eq
"""
_CPP_CALLED = """
    acos asin atan brian exit fabs fmod int16_t int32_t int64_t int8_t int_ isinf isnan main pow
    printf size_t std uint16_t uint32_t uint64_t uint8_t
"""
_MACROS = """
    ADJ_ESTERROR ADJ_FREQUENCY ADJ_MAXERROR ADJ_MICRO ADJ_NANO ADJ_OFFSET ADJ_OFFSET_SINGLESHOT
    ADJ_OFFSET_SS_READ ADJ_SETOFFSET ADJ_STATUS ADJ_TAI ADJ_TICK ADJ_TIMECONST
    AIO_PRIO_DELTA_MAX BC_BASE_MAX BC_DIM_MAX BC_SCALE_MAX BC_STRING_MAX BIG_ENDIAN BOOL_MAX
    BOOL_WIDTH BUFSIZ BYTE_ORDER CHARCLASS_NAME_MAX CHAR_BIT CHAR_MAX CHAR_MIN CHAR_WIDTH
    CLOCKS_PER_SEC CLOCK_BOOTTIME CLOCK_BOOTTIME_ALARM CLOCK_MONOTONIC CLOCK_MONOTONIC_COARSE
    CLOCK_MONOTONIC_RAW CLOCK_PROCESS_CPUTIME_ID CLOCK_REALTIME CLOCK_REALTIME_ALARM
    CLOCK_REALTIME_COARSE CLOCK_TAI CLOCK_THREAD_CPUTIME_ID CLONE_CHILD_CLEARTID
    CLONE_CHILD_SETTID CLONE_DETACHED CLONE_FILES CLONE_FS CLONE_IO CLONE_NEWCGROUP CLONE_NEWIPC
    CLONE_NEWNET CLONE_NEWNS CLONE_NEWPID CLONE_NEWTIME CLONE_NEWUSER CLONE_NEWUTS CLONE_PARENT
    CLONE_PARENT_SETTID CLONE_PIDFD CLONE_PTRACE CLONE_SETTLS CLONE_SIGHAND CLONE_SYSVSEM
    CLONE_THREAD CLONE_UNTRACED CLONE_VFORK CLONE_VM COLL_WEIGHTS_MAX CPU_SETSIZE CSIGNAL
    DELAYTIMER_MAX E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN EALREADY EBADE
    EBADF EBADFD EBADMSG EBADR EBADRQC EBADSLT EBFONT EBUSY ECANCELED ECHILD ECHRNG ECOMM
    ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT
    EEXIST EFAULT EFBIG EHOSTDOWN EHOSTUNREACH EHWPOISON EIDRM EILSEQ EINPROGRESS EINTR EINVAL
    EIO EISCONN EISDIR EISNAM EKEYEXPIRED EKEYREJECTED EKEYREVOKED EL2HLT EL2NSYNC EL3HLT EL3RST
    ELIBACC ELIBBAD ELIBEXEC ELIBMAX ELIBSCN ELNRNG ELOOP EMEDIUMTYPE EMFILE EMLINK EMSGSIZE
    EMULTIHOP ENAMETOOLONG ENAVAIL ENETDOWN ENETRESET ENETUNREACH ENFILE ENOANO ENOBUFS ENOCSI
    ENODATA ENODEV ENOENT ENOEXEC ENOKEY ENOLCK ENOLINK ENOMEDIUM ENOMEM ENOMSG ENONET ENOPKG
    ENOPROTOOPT ENOSPC ENOSR ENOSTR ENOSYS ENOTBLK ENOTCONN ENOTDIR ENOTEMPTY ENOTNAM
    ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENOTUNIQ ENXIO EOF EOPNOTSUPP EOVERFLOW EOWNERDEAD
    EPERM EPFNOSUPPORT EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EREMCHG EREMOTE EREMOTEIO
    ERESTART ERFKILL EROFS ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH ESRMNT ESTALE ESTRPIPE ETIME
    ETIMEDOUT ETOOMANYREFS ETXTBSY EUCLEAN EUNATCH EUSERS EWOULDBLOCK EXDEV EXFULL EXIT_FAILURE
    EXIT_SUCCESS EXPR_NEST_MAX FD_SETSIZE FILENAME_MAX FOPEN_MAX FP_ILOGB0 FP_ILOGBNAN
    FP_INFINITE FP_INT_DOWNWARD FP_INT_TONEAREST FP_INT_TONEARESTFROMZERO FP_INT_TOWARDZERO
    FP_INT_UPWARD FP_LLOGB0 FP_LLOGBNAN FP_NAN FP_NORMAL FP_SUBNORMAL FP_ZERO HOST_NAME_MAX
    HUGE_VAL HUGE_VALF HUGE_VALL HUGE_VAL_F128 HUGE_VAL_F32 HUGE_VAL_F32X HUGE_VAL_F64
    HUGE_VAL_F64X INFINITY INT16_MAX INT16_MIN INT16_WIDTH INT32_MAX INT32_MIN INT32_WIDTH
    INT64_MAX INT64_MIN INT64_WIDTH INT8_MAX INT8_MIN INT8_WIDTH INTMAX_MAX INTMAX_MIN
    INTMAX_WIDTH INTPTR_MAX INTPTR_MIN INTPTR_WIDTH INT_FAST16_MAX INT_FAST16_MIN
    INT_FAST16_WIDTH INT_FAST32_MAX INT_FAST32_MIN INT_FAST32_WIDTH INT_FAST64_MAX
    INT_FAST64_MIN INT_FAST64_WIDTH INT_FAST8_MAX INT_FAST8_MIN INT_FAST8_WIDTH INT_LEAST16_MAX
    INT_LEAST16_MIN INT_LEAST16_WIDTH INT_LEAST32_MAX INT_LEAST32_MIN INT_LEAST32_WIDTH
    INT_LEAST64_MAX INT_LEAST64_MIN INT_LEAST64_WIDTH INT_LEAST8_MAX INT_LEAST8_MIN
    INT_LEAST8_WIDTH INT_MAX INT_MIN INT_WIDTH IOV_MAX LC_ADDRESS LC_ADDRESS_MASK LC_ALL
    LC_ALL_MASK LC_COLLATE LC_COLLATE_MASK LC_CTYPE LC_CTYPE_MASK LC_GLOBAL_LOCALE
    LC_IDENTIFICATION LC_IDENTIFICATION_MASK LC_MEASUREMENT LC_MEASUREMENT_MASK LC_MESSAGES
    LC_MESSAGES_MASK LC_MONETARY LC_MONETARY_MASK LC_NAME LC_NAME_MASK LC_NUMERIC
    LC_NUMERIC_MASK LC_PAPER LC_PAPER_MASK LC_TELEPHONE LC_TELEPHONE_MASK LC_TIME LC_TIME_MASK
    LINE_MAX LITTLE_ENDIAN LLONG_MAX LLONG_MIN LLONG_WIDTH LOGIN_NAME_MAX LONG_BIT LONG_LONG_MAX
    LONG_LONG_MIN LONG_MAX LONG_MIN LONG_WIDTH L_ctermid L_cuserid L_tmpnam MATH_ERREXCEPT
    MATH_ERRNO MAXFLOAT MAX_CANON MAX_INPUT MB_CUR_MAX MB_LEN_MAX MOD_CLKA MOD_CLKB MOD_ESTERROR
    MOD_FREQUENCY MOD_MAXERROR MOD_MICRO MOD_NANO MOD_OFFSET MOD_STATUS MOD_TAI MOD_TIMECONST
    MQ_PRIO_MAX M_1_PI M_1_PIf M_1_PIf128 M_1_PIf32 M_1_PIf32x M_1_PIf64 M_1_PIf64x M_1_PIl
    M_2_PI M_2_PIf M_2_PIf128 M_2_PIf32 M_2_PIf32x M_2_PIf64 M_2_PIf64x M_2_PIl M_2_SQRTPI
    M_2_SQRTPIf M_2_SQRTPIf128 M_2_SQRTPIf32 M_2_SQRTPIf32x M_2_SQRTPIf64 M_2_SQRTPIf64x
    M_2_SQRTPIl M_E M_Ef M_Ef128 M_Ef32 M_Ef32x M_Ef64 M_Ef64x M_El M_LN10 M_LN10f M_LN10f128
    M_LN10f32 M_LN10f32x M_LN10f64 M_LN10f64x M_LN10l M_LN2 M_LN2f M_LN2f128 M_LN2f32 M_LN2f32x
    M_LN2f64 M_LN2f64x M_LN2l M_LOG10E M_LOG10Ef M_LOG10Ef128 M_LOG10Ef32 M_LOG10Ef32x
    M_LOG10Ef64 M_LOG10Ef64x M_LOG10El M_LOG2E M_LOG2Ef M_LOG2Ef128 M_LOG2Ef32 M_LOG2Ef32x
    M_LOG2Ef64 M_LOG2Ef64x M_LOG2El M_PI M_PI_2 M_PI_2f M_PI_2f128 M_PI_2f32 M_PI_2f32x
    M_PI_2f64 M_PI_2f64x M_PI_2l M_PI_4 M_PI_4f M_PI_4f128 M_PI_4f32 M_PI_4f32x M_PI_4f64
    M_PI_4f64x M_PI_4l M_PIf M_PIf128 M_PIf32 M_PIf32x M_PIf64 M_PIf64x M_PIl M_SQRT1_2
    M_SQRT1_2f M_SQRT1_2f128 M_SQRT1_2f32 M_SQRT1_2f32x M_SQRT1_2f64 M_SQRT1_2f64x M_SQRT1_2l
    M_SQRT2 M_SQRT2f M_SQRT2f128 M_SQRT2f32 M_SQRT2f32x M_SQRT2f64 M_SQRT2f64x M_SQRT2l NAME_MAX
    NAN NFDBITS NGROUPS_MAX NL_ARGMAX NL_LANGMAX NL_MSGMAX NL_NMAX NL_SETMAX NL_TEXTMAX NULL
    NZERO PATH_MAX PDP_ENDIAN PIPE_BUF PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
    PTHREAD_ATTR_NO_SIGMASK_NP PTHREAD_BARRIER_SERIAL_THREAD PTHREAD_CANCELED
    PTHREAD_CANCEL_ASYNCHRONOUS PTHREAD_CANCEL_DEFERRED PTHREAD_CANCEL_DISABLE
    PTHREAD_CANCEL_ENABLE PTHREAD_COND_INITIALIZER PTHREAD_CREATE_DETACHED
    PTHREAD_CREATE_JOINABLE PTHREAD_DESTRUCTOR_ITERATIONS
    PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP PTHREAD_EXPLICIT_SCHED PTHREAD_INHERIT_SCHED
    PTHREAD_KEYS_MAX PTHREAD_MUTEX_INITIALIZER PTHREAD_ONCE_INIT PTHREAD_PROCESS_PRIVATE
    PTHREAD_PROCESS_SHARED PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP PTHREAD_RWLOCK_INITIALIZER
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP PTHREAD_SCOPE_PROCESS PTHREAD_SCOPE_SYSTEM
    PTHREAD_STACK_MIN PTRDIFF_MAX PTRDIFF_MIN PTRDIFF_WIDTH P_tmpdir RAND_MAX RENAME_EXCHANGE
    RENAME_NOREPLACE RENAME_WHITEOUT RE_DUP_MAX RTSIG_MAX SCHAR_MAX SCHAR_MIN SCHAR_WIDTH
    SCHED_BATCH SCHED_DEADLINE SCHED_FIFO SCHED_IDLE SCHED_ISO SCHED_OTHER SCHED_RESET_ON_FORK
    SCHED_RR SEEK_CUR SEEK_DATA SEEK_END SEEK_HOLE SEEK_SET SEM_VALUE_MAX SHRT_MAX SHRT_MIN
    SHRT_WIDTH SIG_ATOMIC_MAX SIG_ATOMIC_MIN SIG_ATOMIC_WIDTH SIZE_MAX SIZE_WIDTH SNAN SNANF
    SNANF128 SNANF32 SNANF32X SNANF64 SNANF64X SNANL SSIZE_MAX STA_CLK STA_CLOCKERR STA_DEL
    STA_FLL STA_FREQHOLD STA_INS STA_MODE STA_NANO STA_PLL STA_PPSERROR STA_PPSFREQ
    STA_PPSJITTER STA_PPSSIGNAL STA_PPSTIME STA_PPSWANDER STA_RONLY STA_UNSYNC TIMER_ABSTIME
    TIME_UTC TMP_MAX TTY_NAME_MAX UCHAR_MAX UCHAR_WIDTH UINT16_MAX UINT16_WIDTH UINT32_MAX
    UINT32_WIDTH UINT64_MAX UINT64_WIDTH UINT8_MAX UINT8_WIDTH UINTMAX_MAX UINTMAX_WIDTH
    UINTPTR_MAX UINTPTR_WIDTH UINT_FAST16_MAX UINT_FAST16_WIDTH UINT_FAST32_MAX
    UINT_FAST32_WIDTH UINT_FAST64_MAX UINT_FAST64_WIDTH UINT_FAST8_MAX UINT_FAST8_WIDTH
    UINT_LEAST16_MAX UINT_LEAST16_WIDTH UINT_LEAST32_MAX UINT_LEAST32_WIDTH UINT_LEAST64_MAX
    UINT_LEAST64_WIDTH UINT_LEAST8_MAX UINT_LEAST8_WIDTH UINT_MAX UINT_WIDTH ULLONG_MAX
    ULLONG_WIDTH ULONG_LONG_MAX ULONG_MAX ULONG_WIDTH USHRT_MAX USHRT_WIDTH WCHAR_MAX WCHAR_MIN
    WCHAR_WIDTH WCONTINUED WEOF WEXITED WINT_MAX WINT_MIN WINT_WIDTH WNOHANG WNOWAIT WORD_BIT
    WSTOPPED WUNTRACED XATTR_LIST_MAX XATTR_NAME_MAX XATTR_SIZE_MAX errno linux math_errhandling
    sched_priority stderr stdin stdout unix
"""
_CUDA = """
    atomicAdd atomicAnd atomicCAS atomicDec atomicExch atomicInc atomicMax atomicMin atomicOr
    atomicSub atomicXor bid blockDim blockIdx dim3 gridDim num_threads threadIdx tid warpSize
"""
_GENN = """
    DT Isyn V_post V_pre addToInSyn addToInSynDelay addToPre gennrand_binomial
    gennrand_exponential gennrand_gamma gennrand_log_normal gennrand_normal gennrand_uniform id
    id_batch id_post id_pre id_syn inSyn injectCurrent num_batch num_post num_pre prev_sT scalar
    sT sT_post sT_pre
"""
_CYTHON = """
    DEF ELIF ELSE IF cdef cimport cpdef cppclass ctypedef extern fused gil inline nogil packed
    public readonly struct
"""


@dataclass(frozen=True)
class WordList:
    """Words that no name of some sorts may be.

    Parameters
    ----------
    meaning
        What each of them is, for messages.
    words
        The words.
    sorts
        Sorts of names that end up where they have that meaning.
    source
        Where they are listed.
    """

    meaning: str
    words: frozenset[str]
    sorts: tuple[Sort, ...]
    source: str


_VARIABLES: tuple[Sort, ...] = ("variable", "synaptic")
_CODE: tuple[Sort, ...] = (*_VARIABLES, "object", "population")


def _units() -> frozenset[str]:
    """Return Brian2's units: most with all prefixes, each also squared and cubed."""
    powers, prefixes = ("", "2", "3"), (*_PREFIXES, "c", "d", "da", "h")
    found = {f"{p}{unit}{n}" for p in _PREFIXES for unit in _UNITS.split() for n in powers}
    found |= {f"{p}{unit}" for p in prefixes for unit in ("liter", "litre")}
    return frozenset(found | {*_OTHER_UNITS.split()})


def _list(meaning: str, words: str, sorts: tuple[Sort, ...], source: str) -> WordList:
    return WordList(meaning, frozenset(words.split()), sorts, source)


_BRIAN = "brian2.readthedocs.io, user/equations, and brian2"
LISTS = (
    WordList(
        "a keyword of Python",
        frozenset(keyword.kwlist),
        (*_CODE, "function"),
        "docs.python.org/3/reference/lexical_analysis.html#keywords",
    ),
    _list("a keyword of C++", _CPP, _CODE, "en.cppreference.com/w/cpp/keyword, and w/c/keyword"),
    _list("used by generated C++ code", _CPP_CALLED, _CODE, f"{_BRIAN}.codegen.generators"),
    _list("used by generated CUDA code", _CUDA, _CODE, "CUDA C++ Programming Guide; brian2cuda"),
    _list("a macro of C++", _MACROS, _VARIABLES, "g++ -dM -E of what generated code includes"),
    _list("a word of Cython", _CYTHON, _VARIABLES, "cython.readthedocs.io, language_basics"),
    _list("a word of GeNN", _GENN, _VARIABLES, "genn-team.github.io/genn, 4.9, user-defined code"),
    _list("a special variable of Brian2", _SPECIAL, _VARIABLES, f"{_BRIAN}.equations.equations"),
    _list("a function of Brian2", _FUNCTIONS, _VARIABLES, f"{_BRIAN}.core.functions"),
    _list("a constant of Brian2", "e inf pi", _VARIABLES, f"{_BRIAN}.core.functions"),
    WordList("a unit of Brian2", _units(), _VARIABLES, f"{_BRIAN}.units.allunits"),
)
"""Every list of words; `check_name` reads them."""


@cache
def _meanings(sort: Sort) -> dict[str, str]:
    """Return what each word that a sort of names may not be is."""
    found: dict[str, str] = {}
    for known in LISTS:
        if sort in known.sorts:
            found = {**dict.fromkeys(known.words, known.meaning), **found}
    return found


def check_name(name: str, sort: Sort, owner: str, what: str, *, taken: Container[str] = ()) -> None:
    """Raise if an object may not have a name, or give it to one of its parts.

    Parameters
    ----------
    name
        The name.
    sort
        ``"variable"``: of equations; ``"synaptic"``: of a synapse's, which ``_pre`` and ``_post``
        must not end; ``"population"`` and ``"object"``: part of longer names in generated code;
        ``"key"``: an identifier that no code contains; ``"function"``: of a function that texts
        call; ``"word"``: of commands and files; ``"label"``: of messages and tables; ``"path"``:
        of data sets, which may be files.
    owner
        The object, for messages.
    what
        What the name is of, for instance ``"a parameter"``.
    taken
        Names with a meaning there already.

    Raises
    ------
    ParameterError
        If it may not.
    """
    if not isinstance(name, str):
        raise ParameterError(
            f"{owner}: the name of {what} must be text, got {shown(name)}.",
            object=owner,
            parameter="name",
        )
    why = _why_not(name, sort, taken)
    if why:
        raise ParameterError(
            f"{owner}: {shown(name)} cannot name {what}: {why}; choose another, for instance "
            f"{_instead(name, sort, taken)!r}.",
            object=owner,
            parameter="name" if sort not in _VARIABLES else shown(name),
        )


def check_text(text: str, object: str, parameter: str = "") -> None:
    """Raise if code has a character beyond ASCII, which Python and compilers read differently.

    Raises
    ------
    ParameterError
        If there is one.
    """
    if not text.isascii():
        raise ParameterError(
            f"{object} has {_stranger(text)} in {shown(text)}; write code in ASCII.",
            object=object,
            parameter=parameter,
        )


def _why_not(name: str, sort: Sort, taken: Container[str]) -> str:
    """Say why a name is none of a sort; empty if it is."""
    most = _MOST.get(sort, LONGEST)
    if len(name) > most:
        return f"it has {len(name)} characters, and {most} are the most"
    if sort not in ("label", "path") and not name.isascii():
        return f"it has {_stranger(name)}, and names are ASCII"
    pattern, wanted = _SHAPES.get(sort, _SHAPES[""])
    if not re.fullmatch(pattern, name) or not (name.isprintable()):
        return f"it is not {wanted}"
    if sort == "synaptic" and re.search("_(pre|post)$", name):
        return "names of signals of the two neurons end in '_pre' and '_post'"
    if sort in _CODE and f"{name}_".startswith("xi_"):
        return "Brian2 takes what is called 'xi', or 'xi_' and more, for noise"
    if name in taken:
        return "it has a meaning in synapses already"
    meaning = _meanings(sort).get(name)
    return f"it is {meaning}" if meaning else ""


def _stranger(text: str) -> str:
    """Describe the first character that is not ASCII."""
    found = next(character for character in text if not character.isascii())
    called = unicodedata.name(found, f"U+{ord(found):04X}")
    return f"{found!r} ({called})"


def _instead(name: str, sort: Sort, taken: Container[str]) -> str:
    """Return a name like one that cannot be, but that can."""
    plain = unicodedata.normalize("NFKD", name[:LONGEST]).encode("ascii", "ignore").decode()
    base = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_")[: LONGEST - 4] or "name"
    base = base.lower() if sort == "population" else base
    candidates = (base, f"{base}_1", f"my_{base}", "my_name")
    return next(one for one in candidates if not _why_not(one, sort, taken))
