"""Which language a text is in: by its script where that tells it, else by the words that hold sentences together."""

import re
import unicodedata
from collections import Counter

READ = 200_000  # characters, from the middle, that are looked at
WRITTEN = 0.05  # the part of the letters from which on a script is in use
SPOKEN = 0.1  # the part of the words that a language's commonest have to be
WORD = re.compile(r"[^\W\d_]+")
SCRIPTS = {  # in this order: Japanese has Chinese characters too
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CJK": "Chinese",
    "GREEK": "Greek",
    "HEBREW": "Hebrew",
    "ARABIC": "Arabic or Persian",
    "DEVANAGARI": "Hindi or Marathi",
    "THAI": "Thai",
}
COMMONEST = {
    language: frozenset(words.split())
    for language, words in {
        "English": "the and of to a in is that it i for was with as his on be at by he this not you are but my an no",
        "German": "der die und das in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an er ich",
        "French": "de la le et les des en un une du dans est que pour qui par sur pas au il ne se ce elle je",
        "Spanish": "de la que el en y los del se las por un para con no una su al es lo como más pero sus le",
        "Portuguese": "de que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à",
        "Italian": "di che e la il un a per è in una sono del non le si da con della i alla ma più nel gli",
        "Dutch": "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar die hij was bij",
        "Swedish": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi",
        "Danish": "og i at det er en til af på for med som de der den har et ikke var han men jeg sig fra også",
        "Norwegian": "og i det er en til av på for med som de å den har et ikke var han men jeg seg fra også ble",
        "Finnish": "ja on ei se että oli hän mutta ovat joka niin kun hänen jo kuin mitä sen minä olen myös tai",
        "Polish": "i w nie na się z do to że jest o jak a co po ale tak za od jego tylko przez ja już dla",
        "Czech": "a se v na je že to s z do i o k ale jako za by tak po jsem si jeho jen nebo co",
        "Hungarian": "a az és hogy nem is egy ez volt meg csak de ha mint már még el kell azt minden vagy azonban",
        "Romanian": "și de în a la cu pe nu o să că un din care mai se pentru au este ce al fi era dar lui",
        "Turkish": "ve bir bu da de için ile çok ne o daha gibi olarak olan kadar ama var sonra değil ki mi en her ben",
        "Latin": "et in est non ad ut cum quod qui si sed quae per ex de esse aut nec enim sunt eius hoc quam ab atque",
        "Russian": "и в не на что с он я как его это но по из у за от так же она все был мы а к",
        "Ukrainian": "і в не на що з він я як його це але по та у за від так же вона всі був ми а до й",
    }.items()
}


def language(text: str) -> str:
    """Guess the language of a text; return "" where it looks like none that is known here."""
    start = max((len(text) - READ) // 2, 0)
    words = Counter(WORD.findall(text[start : start + READ].lower()))
    by_script = _script(words)
    if by_script or not words:
        return by_script
    shares = {name: sum(words[word] for word in common) / words.total() for name, common in COMMONEST.items()}
    likeliest = max(shares, key=lambda name: shares[name])
    return likeliest if shares[likeliest] >= SPOKEN else ""


def _script(words: Counter[str]) -> str:
    """Return the language that has a script of its own, and is written in it here."""
    scripts = Counter[str]()
    for word, count in words.items():
        for letter in word:
            scripts[unicodedata.name(letter, "").split(" ")[0]] += count
    return next((name for script, name in SCRIPTS.items() if scripts[script] > WRITTEN * scripts.total()), "")
