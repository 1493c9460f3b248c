"""Graded sentences of our own: in each language of the model, and of increasing distance in English and German."""

# ruff: noqa: RUF001 # letters of other scripts

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Graded:
    """`same` means what `text` does in other words, `related` has the same subject, `other` another one."""

    text: str
    same: str
    related: str
    other: str


ENGLISH = Graded(
    "The doctor told him to drink less coffee.",
    "His physician advised him to cut down on coffee.",
    "Coffee is grown in warm countries.",
    "The train to the coast was cancelled because of the storm.",
)
# The same four sentences in each language: the first ones are translations of each other.
LANGUAGES = {
    "en": ENGLISH,
    "de": Graded(
        "Der Arzt sagte ihm, er solle weniger Kaffee trinken.",
        "Sein Doktor riet ihm, den Kaffeekonsum zu verringern.",
        "Kaffee wächst in warmen Ländern.",
        "Der Zug an die Küste fiel wegen des Sturms aus.",
    ),
    "fr": Graded(
        "Le médecin lui a dit de boire moins de café.",
        "Son docteur lui a conseillé de réduire sa consommation de café.",
        "Le café pousse dans les pays chauds.",
        "Le train pour la côte a été annulé à cause de la tempête.",
    ),
    "es": Graded(
        "El médico le dijo que bebiera menos café.",
        "Su doctor le aconsejó reducir el consumo de café.",
        "El café se cultiva en países cálidos.",
        "El tren a la costa fue cancelado por la tormenta.",
    ),
    "it": Graded(
        "Il medico gli ha detto di bere meno caffè.",
        "Il suo dottore gli ha consigliato di ridurre il caffè.",
        "Il caffè cresce nei paesi caldi.",
        "Il treno per la costa è stato cancellato a causa della tempesta.",
    ),
    "pt": Graded(
        "O médico disse-lhe para beber menos café.",
        "O doutor aconselhou-o a reduzir o consumo de café.",
        "O café cresce em países quentes.",
        "O comboio para a costa foi cancelado por causa da tempestade.",
    ),
    "nl": Graded(
        "De dokter zei dat hij minder koffie moest drinken.",
        "Zijn arts raadde hem aan om minder koffie te nemen.",
        "Koffie groeit in warme landen.",
        "De trein naar de kust viel uit vanwege de storm.",
    ),
    "pl": Graded(
        "Lekarz powiedział mu, żeby pił mniej kawy.",
        "Doktor doradził mu ograniczenie picia kawy.",
        "Kawa rośnie w ciepłych krajach.",
        "Pociąg na wybrzeże został odwołany z powodu burzy.",
    ),
    "ru": Graded(
        "Врач сказал ему пить меньше кофе.",
        "Доктор посоветовал ему сократить употребление кофе.",
        "Кофе растёт в тёплых странах.",
        "Поезд на побережье отменили из-за шторма.",
    ),
    "tr": Graded(
        "Doktor ona daha az kahve içmesini söyledi.",
        "Hekimi kahve tüketimini azaltmasını tavsiye etti.",
        "Kahve sıcak ülkelerde yetişir.",
        "Sahile giden tren fırtına yüzünden iptal edildi.",
    ),
    "ar": Graded(
        "قال له الطبيب أن يشرب قهوة أقل.",
        "نصحه طبيبه بالتقليل من شرب القهوة.",
        "تنمو القهوة في البلدان الدافئة.",
        "ألغي القطار المتجه إلى الساحل بسبب العاصفة.",
    ),
    "zh": Graded(
        "医生告诉他要少喝咖啡。",
        "他的大夫建议他减少喝咖啡。",
        "咖啡生长在温暖的国家。",
        "开往海边的火车因暴风雨取消了。",
    ),
    "zh-TW": Graded(
        "醫生告訴他要少喝咖啡。",
        "他的大夫建議他減少喝咖啡。",
        "咖啡生長在溫暖的國家。",
        "開往海邊的火車因暴風雨取消了。",
    ),
    "ja": Graded(
        "医者は彼にコーヒーを控えるように言った。",
        "医師は彼にコーヒーを飲む量を減らすよう勧めた。",
        "コーヒーは暖かい国で育つ。",
        "海岸行きの列車は嵐のため運休になった。",
    ),
    "ko": Graded(
        "의사는 그에게 커피를 덜 마시라고 말했다.",
        "그의 주치의는 커피를 줄이라고 조언했다.",
        "커피는 따뜻한 나라에서 자란다.",
        "해안으로 가는 기차가 폭풍 때문에 취소되었다.",
    ),
    "th": Graded(
        "หมอบอกให้เขาดื่มกาแฟน้อยลง",
        "แพทย์แนะนำให้เขาลดการดื่มกาแฟ",
        "กาแฟปลูกในประเทศที่อบอุ่น",
        "รถไฟไปชายฝั่งถูกยกเลิกเพราะพายุ",
    ),
}

# Pairs with how alike they are, from 0 to 5.
PAIRS: tuple[tuple[str, str, int], ...] = (
    ("A man is playing a guitar on the street.", "A street musician plays the guitar.", 5),
    ("The company cut a thousand jobs.", "One thousand employees were laid off by the firm.", 5),
    ("How do I reset my password?", "I forgot my password and need a new one.", 5),
    ("She bought a new car last week.", "Last week she purchased an automobile.", 5),
    ("The cat sleeps on the sofa.", "A kitten is napping on the couch.", 4),
    ("It will rain tomorrow in the north.", "The forecast says rain for northern areas.", 4),
    ("He cooked pasta with tomato sauce.", "He made spaghetti for dinner.", 4),
    ("The bank raised its interest rates.", "Borrowing money has become more expensive.", 3),
    ("The children are playing football.", "A football match was on television.", 2),
    ("She bought a new car last week.", "The car needs new tyres.", 2),
    ("How do I reset my password?", "Your password must have eight letters.", 2),
    ("The cat sleeps on the sofa.", "Dogs need a walk every day.", 1),
    ("He cooked pasta with tomato sauce.", "The restaurant is closed on Mondays.", 1),
    ("A man is playing a guitar on the street.", "The server returned an error.", 0),
    ("The company cut a thousand jobs.", "Penguins live in the southern hemisphere.", 0),
    ("It will rain tomorrow in the north.", "The museum shows paintings of the old masters.", 0),
    ("Die Katze schläft auf dem Sofa.", "Auf der Couch liegt eine schlafende Katze.", 5),
    ("Wie setze ich mein Passwort zurück?", "How do I reset my password?", 5),
    ("Die Firma hat tausend Stellen gestrichen.", "The company cut a thousand jobs.", 5),
    ("Der Hund bellt den Briefträger an.", "Ein Hund bellt jemanden an, der Post bringt.", 4),
    ("Die Bank hat die Zinsen erhöht.", "Kredite sind teurer geworden.", 3),
    ("Die Katze schläft auf dem Sofa.", "Katzen fangen Mäuse.", 2),
    ("Der Hund bellt den Briefträger an.", "Das Museum zeigt alte Gemälde.", 0),
    ("Wie setze ich mein Passwort zurück?", "Penguins live in the southern hemisphere.", 0),
)

# What a search must find: the question, and the number of the document that answers it.
DOCUMENTS = (
    "To return an item, send it back within 30 days with the receipt. The refund arrives in your account in a week.",
    "The battery lasts about ten hours. Charge it overnight with the supplied cable before the first use.",
    "Open the settings, choose Network, and enter the name and the password of your wireless router.",
    "The museum opens at nine and closes at six. It is closed on Mondays and on public holidays.",
    "Whisk the eggs with sugar, fold in the flour, and bake the cake for forty minutes.",
    "Plants on a balcony need water every evening in summer, and fertiliser twice a month.",
    "The tenant gives notice in writing, three months before the end of the lease.",
    "Apply the cream to the dry skin twice a day. Stop if a rash appears, and ask a pharmacist.",
    "The function raises ValueError when the list is empty. Pass a default to avoid it.",
    "The night bus leaves the main station every thirty minutes until four in the morning.",
)
QUESTIONS = (
    ("How do I get my money back?", 0),
    ("How long does it run without being plugged in?", 1),
    ("connect to wifi", 2),
    ("When can I visit the exhibition?", 3),
    ("dessert recipe", 4),
    ("How often should I water the flowers?", 5),
    ("I want to move out of my flat", 6),
    ("Which exception comes for no elements?", 8),
    ("public transport after midnight", 9),
    ("Wie bekomme ich mein Geld zurück?", 0),
    ("Wann ist das Museum geöffnet?", 3),
    ("Comment me connecter au réseau sans fil ?", 2),
    ("¿Cuándo sale el autobús nocturno?", 9),
    ("Come si prepara la torta?", 4),
    ("皮肤干燥怎么办？", 7),
    ("アパートを解約したい", 6),
)
