"""200 SYNTHETIC ad texts that nobody would mind, written to be varied and not to be easy."""

from __future__ import annotations

_BODIES = """
Warm light for late work.
Three heights, one lamp, and a cable that is long enough.
Reads well at 2,700 K and works well at 4,000 K.
Dims to 1 % for the night feed.
A lamp that folds flat: 4 cm, and into the drawer.
Tea at the right heat, from 60 to 100 °C.
1.7 litres in four minutes.
Holds 6 cups, pours without a drip.
White, black, or sage green.
A kettle you hear only when it is done.
Dry feet on every trail.
Boots in half sizes, from 35 to 48.5.
Wide fit, narrow fit, and yours.
Resoled for €39, as often as you like.
480 g a shoe, and not a gram more.
Waxed leather, stitched in Porto.
The sole grips on wet rock.
A looser fit for thicker socks.
Socks of 80% merino wool.
Shirts of 100 % cotton, in nine colours.
Hangers of beech, set of five.
A warm-up set of six small weights.
Secure lid, easy to open.
Obscure titles, well translated.
A manicure set in a tin.
Pedicures by appointment, Tuesday to Saturday.
The crusade of a baker for better bread.
Strangers become neighbours at our long table.
Fearless climbing for children from six.
Upset-free packing: every cup has its own box.
We hope less sugar suits you.
Count down the days with 24 small teas.
Stories to tell for years.
Printed on B4 paper, bound by hand.
A4, A5 and B6 notebooks, dotted or lined.
MP3, FLAC and AAC, all in one small player.
4K at 60 fps, for films with friends.
A 55" 4K screen with thin edges.
WH-1000XM5 ear pads, in pairs.
Fits the R2D model of 2019 and later.
USB-C, 3.5 mm jack, Wi-Fi 6.
USB 3.2 Gen 2x2, up to 20 Gbit/s.
An M.2 drive with 2 TB.
A 3D puzzle of 540 pieces.
H2O tells the taste: our filter takes the lime out.
Vitamins A, C, D and E in one breakfast.
Sizes S, M, L and XL.
Sizes S / M / L / XL / XXL.
CO2 neutral delivery by bike.
50% off the second pair.
2 for 1 on Tuesdays.
From $5 a month, no contract.
£12.50, postage included.
19,90 € for both.
CHF 45 a night, breakfast included.
¥1,200 with soup.
Now in 12 cities and 3 languages.
Open 9 am to 6 pm, Mon-Fri.
Call the shop between 8:30 and 17:00.
Bus 42 stops at the door.
Platform 9, then left.
10 minutes from the station, on foot.
Version 2.5 reads PDF/A and ePub 3.
3-in-1: scan, copy, print.
12V and 24V, with plug.
Draws 5 W, glows like 40 W.
A 20,000 mAh battery in your pocket.
Thin as paper: 80 µm.
A 10 kΩ knob with a soft click.
45 × 60 cm, framed or not.
1/2 the weight, twice the room.
Rated 4.6 of 5 by 1,204 buyers.
Part no. 7T-1048-B, in stock.
Order code LX3-90A for the spare glass.
Batch 0815 of our plum jam.
The 1980s called: the cassette is back.
Year 5 maths, page by page.
Children under 12 travel free.
Seats 5, sleeps 2.
Room 101 has the view.
A 5-year-old can build it.
The 7th cup is on us.
Top 10 of board games for two.
Route 66 in twelve postcards.
Café au lait, naïve art, a small déjà vu.
Crème brûlée to take home.
Our rosé comes from Bandol.
Jalapeño jam, piñata prices.
Smörgåsbord on Fridays.
Žluťoučký kůň is our Czech course for beginners.
Łódź by night train.
Dvořák and Janáček on Sunday.
São Paulo coffee, roasted in Köln.
Ørsted, Ångström, Háček: a quiz for polyglots.
İstanbul in three walks.
Schöne Grüße aus dem Garten.
Das Licht für lange Abende.
Das ist das Buch, das bleibt.
Warmes Licht, leise Technik, 2 Jahre Garantie.
Tee mit 80 Grad, auf Wunsch auch mit 95.
Wanderschuhe für breite Füße.
Frisches Brot, jeden Morgen ab 6 Uhr.
Fahrradhelme für Groß und Klein.
Die Lampe kostet 49 € und hält lange.
Donaudampfschifffahrtsgesellschaft: das Brettspiel.
Kostenlose Lieferung ab 30 €.
Der Kaffee ist heiß, der Kuchen ist da.
Une lumière douce pour le soir.
Le thé à la bonne température.
Des chaussures légères, faites à Lyon.
L'été arrive : pensez au parasol.
Un pain au levain, croûte épaisse.
Prêt-à-porter pour petits et grands.
Le train part à 9 h 05.
Ça sent bon le café.
La luz que acompaña tus tardes.
Té en su punto, taza a taza.
Botas ligeras para días largos.
¿Te apetece un café?
Envío gratis a partir de 25 €.
El mañana empieza con pan caliente.
Luce calda per la sera.
Scarpe comode, suola nuova.
Caffè, cornetto e un po' di sole.
Een lamp voor lange avonden.
Lekker brood, elke dag vers.
Uma luz suave para a leitura.
Varmt ljus för sena kvällar.
Lämmin valo pitkiin iltoihin.
Ciepłe światło na długie wieczory.
Тёплый свет для долгих вечеров.
Чай с лимоном и мёдом.
Ζεστό φως για το βράδυ.
温かいお茶をどうぞ。
USBケーブル、長さ2メートル。
夜の読書に、やさしい光。
适合夜读的暖光台灯。
따뜻한 차 한 잔 어떠세요.
أضواء دافئة للمساء.
אור חם לערב ארוך.
शाम के लिए गर्म रोशनी।
Light for late readers 📚
Tea time ☕ and a biscuit 🍪
Boots on, out you go 🥾🌲
Come as you are 👋🏽
Recipes by our chef 👩‍🍳 for each day of the week.
For the whole family 👨‍👩‍👧 and the dog 🐕
Made in Wales and in Kent, with love ❤️
From Italy 🇮🇹 to your table.
Ready in 1️⃣ pan and 2️⃣ steps.
✓ washable ✓ light ✓ made to last
★★★★☆ from a magazine for campers
Quiet • light • foldable
Tea & biscuits, R&D by grandma.
AT&T phones welcome, any brand is.
Rock 'n' roll, blues & soul.
"Best bread in town," says the mayor.
“A fine lamp”, wrote the Evening Post.
Bread – cheese – wine: that is it.
Well... have you tried it with milk?
Tea, coffee; cocoa, too (and cake).
Left/right handed, for adults and children.
And/or: pick one lamp, or both.
Black-and-white films, state-of-the-art sound.
Non-stick, oven-safe, dishwasher-friendly.
Mother-of-pearl buttons on a sky-blue shirt.
Up-to-date maps for off-the-beaten-track walks.
A follow-up to our do-it-yourself course.
T-shirts, V-necks, X-ray-clear prints.
E-bikes with a 500 Wh battery.
β-carotene, as found in carrots.
The α and ω of knots, in one handbook.
C++ and C# evenings for beginners.
Tickets #1 to #50 are for members.
Temperatures of -5 to +30 °C are fine.
Serve at ≈ 65 °C, for ~3 min.
O'Hara's stew, D'Angelo's bread.
Mr. Finch's seeds, St. Ives' pots.
J. S. Bach, all cantatas, on 60 discs.
U.S.A. by rail, in 14 days.
The D.I.Y. store for small flats.
PS: the cups are part of it.
NASA-grade foam? No, simply wool.
LED, not neon.
READ MORE, SCROLL LESS.
iPad, eBook and paper: read as you like.
McIntosh apples, picked by hand.
OpenStreetMap on paper, scale 1:25,000.
Ring the bell, or just come in.
Only what you need: pen, paper, light.
Take your time with it.
The last mile is the best one.
A few good books for the winter.
Right-hand drive, left-hand comfort.
Send it back within 30 days.
No sugar, no salt, no fuss.
Clean water, without plastic bottles.
The Guardian of your keys: a small hook.
A sale of pots, and plants to go with them.
It is our work that we like. Today we bake rye.
""".strip().splitlines()

HARMLESS: tuple[str, ...] = tuple(_BODIES)
