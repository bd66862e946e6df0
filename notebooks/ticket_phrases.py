"""The phrases and slot values that `tickets.py` composes. Data only; `{name}` is a slot.

A statement need not hold every slot of its summary: the generator adds a sentence of DETAILS for what is missing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    category: str
    severity: int  # 0 to 2 points towards the priority
    summary: str
    statements: tuple[str, ...]


ISSUES = (
    # billing
    Issue("billing", 1, "Charged twice ({amount}) for {product}", (
        "I was charged twice for the {product}.",
        "my bank statement shows the payment of {amount} for the {product} two times.",
        "you took {amount} from my account, and then the same sum again, for one {product}.",
        "there are two identical payments for my {product}, {amount} each.",
        "I bought one {product} but paid for it twice, {amount} every time.",
    )),
    Issue("billing", 1, "Invoice {invoice} shows {amount} instead of {amount2}", (
        "invoice {invoice} says {amount}, but we agreed on {amount2}.",
        "the total on invoice {invoice} should be {amount2} and not {amount}.",
        "we were quoted {amount2}; then invoice {invoice} came with {amount}.",
        "I expected to pay {amount2}. Invoice {invoice} asks for {amount}.",
        "the sum on {invoice} is wrong: it is {amount} where it should be {amount2}.",
    )),
    Issue("billing", 2, "Unknown charge of {amount} on {date}", (
        "there is a charge of {amount} from your company that I do not recognise.",
        "on {date} you took {amount} from my card and I have no idea what for.",
        "I see {amount} on my card statement for {date}, and I ordered nothing.",
        "somebody booked {amount} on my credit card on {date}. I never bought anything that day.",
        "what is this payment of {amount}? I did not place any order.",
    )),
    Issue("billing", 0, "Invoice for order {order} missing", (
        "I never got an invoice for order {order}.",
        "my accountant needs the invoice of order {order}, and it is not in my account.",
        "could you send me the bill for order {order}? It was not in the parcel.",
        "the invoice for my order is missing.",
        "order {order} arrived without an invoice.",
    )),
    Issue("billing", 1, "Card ending {last4} declined for {plan} plan", (
        "my card is declined whenever I try to pay for the {plan} plan.",
        "the payment page refuses the card ending in {last4} for the {plan} plan.",
        "I cannot renew the {plan} plan, because the card with the last digits {last4} is not accepted.",
        "paying for {plan} fails: card declined. The bank says that the card ({last4}) is fine.",
        "your checkout rejects my card, the one ending {last4}, although it works elsewhere. It is for the {plan} plan.",
    )),
    # refund
    Issue("refund", 1, "Refund of {amount} for order {order} not received", (
        "the refund of {amount} for order {order} has still not arrived.",
        "I sent order {order} back weeks ago and have not seen the {amount} since.",
        "you promised to pay back {amount} for order {order}; nothing has come.",
        "where is my money? You owe me {amount} for the return of order {order}.",
        "I am still waiting for my refund.",
        "my refund for order {order} never showed up on my account.",
    )),
    Issue("refund", 1, "Refund for order {order} was {amount} instead of {amount2}", (
        "for order {order} you paid back {amount} although I had paid {amount2}.",
        "the refund of order {order} is too small: {amount}, not {amount2}.",
        "I should have got {amount2} back for order {order}, but only {amount} arrived.",
        "only {amount} of the {amount2} for order {order} were refunded.",
        "my refund is short. It was {amount} and should have been {amount2}.",
    )),
    Issue("refund", 0, "Refund of {amount} wanted for {product}", (
        "I would like my money back for the {product}.",
        "the {product} is not what I expected, please refund the {amount} I paid.",
        "I returned the {product} unopened and ask for {amount} back.",
        "please pay back the {amount} for the {product}, I do not want it any more.",
        "I want a refund for my {product}, it cost {amount}.",
    )),
    Issue("refund", 0, "Voucher {voucher} of {amount} not accepted", (
        "the voucher {voucher} does not work at the checkout.",
        "I have a gift card of {amount} with the code {voucher}, and the shop says that it is invalid.",
        "your site refuses my voucher of {amount}.",
        "I tried to redeem {voucher}, worth {amount}, without success.",
        "the code {voucher} should take off {amount}, but the price stays the same.",
    )),
    # delivery
    Issue("delivery", 1, "Order {order} not delivered since {date}", (
        "order {order} should have been here on {date}, and it is not.",
        "I have been waiting for order {order} since {date}.",
        "the delivery of order {order} was promised for {date}; nobody came.",
        "my parcel is late. You said {date}.",
        "where is order {order}? The delivery date was {date}.",
    )),
    Issue("delivery", 1, "Tracking {tracking} unchanged for {days} days", (
        "the tracking of {tracking} has not moved for {days} days.",
        "for {days} days now parcel {tracking} has been stuck at the same depot.",
        "tracking number {tracking} shows no news since {days} days ago.",
        "my parcel seems to be lost, the tracking page has said the same thing for {days} days.",
        "nothing has happened with shipment {tracking} in the last {days} days.",
    )),
    Issue("delivery", 2, "Order {order} sent to {city} instead of {city2}", (
        "order {order} went to {city}, but I live in {city2}.",
        "you shipped order {order} to my old address in {city}; it must go to {city2}.",
        "my address is in {city2}, and the parcel is on its way to {city}.",
        "the address of order {order} is wrong: it says {city} where it should say {city2}.",
        "I moved from {city} to {city2}, and order {order} was sent to the old place all the same.",
    )),
    Issue("delivery", 1, "Got {product2} instead of {product} in order {order}", (
        "I ordered a {product} and found a {product2} in the box.",
        "instead of the {product} in order {order}, you sent a {product2}.",
        "order {order} contained a {product2}. I had paid for a {product}.",
        "the wrong item came: a {product2}, when it should have been a {product}.",
        "there was a {product2} in my parcel, not the {product} of order {order}.",
    )),
    Issue("delivery", 0, "The {part} missing from order {order}", (
        "the {part} was not in the box of order {order}.",
        "order {order} came without the {part}.",
        "I unpacked everything twice, the {part} is missing.",
        "there should have been a {part} with order {order}, and there is none.",
        "order {order} is not complete, I still need the {part}.",
    )),
    # quality
    Issue("quality", 1, "{product} arrived with {defect}", (
        "the {product} arrived with {defect}.",
        "when I opened the box, the {product} had {defect}.",
        "my new {product} has {defect}, straight out of the box.",
        "you sent me a {product} with {defect}.",
        "I unpacked the {product} and saw {defect}.",
    )),
    Issue("quality", 1, "{product} stopped working after {days} days", (
        "the {product} stopped working after {days} days.",
        "after only {days} days my {product} died.",
        "I have had the {product} for {days} days and it no longer turns on.",
        "my {product} lasted {days} days, now it is dead.",
        "{days} days after I bought it, the {product} does nothing at all.",
    )),
    Issue("quality", 0, "Warranty claim for {product}, serial {serial}", (
        "I want to use the warranty of my {product}.",
        "my {product} with serial number {serial} needs a repair under warranty.",
        "please open a warranty case for the {product}, serial {serial}.",
        "the {product} ({serial}) is broken and still under warranty.",
        "how do I send in the {product} for a warranty repair? The serial is {serial}.",
    )),
    Issue("quality", 2, "{product} gets too hot, serial {serial}", (
        "the {product} gets so hot that I cannot touch it.",
        "my {product} overheats, and yesterday there was smoke.",
        "the {product} with serial {serial} smells burnt after ten minutes.",
        "I am afraid of a fire: the {product}, serial {serial}, is far too hot.",
        "the back of my {product} melted. Serial number {serial}.",
    )),
    # account
    Issue("account", 1, "Cannot log in as {email}", (
        "I cannot log in any more.",
        "the login with {email} fails although the password is right.",
        "your site does not let me in as {email}.",
        "I am locked out, the page says that {email} does not exist.",
        "every time I sign in with {email} I land on the start page again.",
    )),
    Issue("account", 0, "Change email from {email} to {email2}", (
        "my address has changed from {email} to {email2}.",
        "please use {email2} for my account in future, the old one was {email}.",
        "I would like to replace {email} by {email2} in my profile.",
        "I no longer read {email}. My new address is {email2}.",
        "can you move my account from {email} to {email2}?",
    )),
    Issue("account", 0, "Delete account {email}", (
        "please delete my account.",
        "I want you to remove my account {email} and all data in it.",
        "close the account of {email} for good, please.",
        "I do not use your shop any more, so erase everything under {email}.",
        "kindly delete all that you have stored about {email}.",
    )),
    Issue("account", 1, "Reset code for {email} not arriving", (
        "I asked for a new password and the code never came.",
        "the reset mail does not reach {email}.",
        "no code arrives at {email} when I press the forgotten password button.",
        "I have been waiting for the six-digit code at {email} for an hour.",
        "resetting my password does not work, nothing is sent to {email}.",
    )),
    # bug
    Issue("bug", 1, "App {version} crashes when {action}", (
        "the app crashes when {action}.",
        "since version {version} the app closes by itself when {action}.",
        "when {action}, version {version} of your app just disappears.",
        "your app freezes and then quits when {action}. It is version {version}.",
        "after the update to {version}, I get a crash every time when {action}.",
    )),
    Issue("bug", 1, "Error {code} on {product}", (
        "the {product} shows error {code}.",
        "I get the message {code} on the display of my {product}.",
        "my {product} beeps and says {code}.",
        "all that the {product} does is blink with error {code}.",
        "there is an error code on the {product}, and the manual does not list it.",
    )),
    Issue("bug", 1, "{product} does not sync since version {version}", (
        "since version {version} the {product} no longer syncs.",
        "the {product} lost its connection to the app with the update to {version}.",
        "I updated to {version} and the {product} does not sync any more.",
        "nothing from my {product} shows up in the app since {version}.",
        "syncing with the {product} is broken.",
    )),
    Issue("bug", 0, "Export shows {count} of {count2} records", (
        "the export contains {count} records, although there are {count2}.",
        "when I export my data I get {count} lines and not {count2}.",
        "of my {count2} records only {count} are in the exported file.",
        "your export drops data: {count2} records in the app, {count} in the file.",
        "I exported {count2} records, and the file has {count}.",
    )),
    # cancellation
    Issue("cancellation", 1, "Cancel order {order}", (
        "please cancel order {order}.",
        "I ordered by mistake and want to cancel.",
        "stop order {order} before it is shipped, please.",
        "I do not need order {order} any more, please do not send it.",
        "can order {order} still be cancelled?",
    )),
    Issue("cancellation", 0, "Cancel {plan} plan from {date}", (
        "I want to end my {plan} subscription on {date}.",
        "please cancel the {plan} plan, the last day should be {date}.",
        "we will not renew {plan}. Our contract should stop on {date}.",
        "I hereby give notice for the {plan} plan with effect from {date}.",
        "my {plan} membership shall end on {date}.",
    )),
    Issue("cancellation", 0, "Pause {plan} plan until {date}", (
        "can I pause the {plan} plan until {date}?",
        "I will be abroad, so please put my {plan} plan on hold until {date}.",
        "please stop charging for {plan} for a while, I am back on {date}.",
        "I would like a break from the {plan} plan, up to {date}.",
        "freeze my {plan} subscription until {date}, please.",
    )),
    Issue("cancellation", 0, "Change from {plan} to {plan2} plan", (
        "I want to go from the {plan} plan to {plan2}.",
        "please move us from {plan} to {plan2}.",
        "the {plan} plan does not suit us, {plan2} would be better.",
        "we pay for {plan} and would rather have {plan2}.",
        "switch my subscription to {plan2}, it is {plan} now.",
    )),
    # security
    Issue("security", 2, "Unknown login from {city} on {date}", (
        "somebody logged in to my account from {city} on {date}.",
        "I got a warning about a login from {city}. I have never been there.",
        "there was a sign-in from {city} on {date}, and it was not me.",
        "your log shows a session in {city} on {date} that is not mine.",
        "a stranger in {city} used my account on {date}.",
    )),
    Issue("security", 1, "Suspicious message from {email}", (
        "I got a mail from {email} that asks for my password.",
        "{email} writes in your name and wants my card number. Is that really you?",
        "somebody with the address {email} pretends to be your support.",
        "please look into {email}, they send fake bills in your name.",
        "is {email} one of yours? They want me to click on a strange link.",
    )),
    Issue("security", 2, "Stolen {product}, serial {serial}", (
        "my {product} was stolen, please lock it.",
        "thieves took the {product} with serial {serial} out of my car.",
        "block the {product} with the serial number {serial}, it has been stolen.",
        "my bag was taken, and the {product} ({serial}) was in it.",
        "the {product} is gone, somebody broke in. Its serial is {serial}.",
    )),
    # question
    Issue("question", 0, "Whether {product} works with {product2}", (
        "does the {product} work with the {product2}?",
        "can I use the {product} together with my {product2}?",
        "I own a {product2}. Is the {product} made to fit it?",
        "before I buy the {product}: will it connect to a {product2}?",
        "is it possible to combine the {product} with the {product2}?",
    )),
    Issue("question", 0, "When {product} is back in {city}", (
        "when can I get the {product} in {city} again?",
        "the {product} is sold out at your {city} shop. When is it back?",
        "do you know when the store in {city} has the {product} again?",
        "I have been looking for a {product} in {city} for weeks. Will you have it soon?",
        "is there any date for the {product} in {city}?",
    )),
    Issue("question", 0, "Price of {plan} plan for {count} users", (
        "what would the {plan} plan cost for {count} users?",
        "we are {count} people and think about the {plan} plan. What is the price?",
        "could you make us an offer for {plan} with {count} seats?",
        "how much is {plan} if {count} of us use it?",
        "we need {plan} for {count} users. Is there a discount?",
    )),
    Issue("question", 0, "How to clean the {part} of {product}", (
        "how do I clean the {part} of the {product}?",
        "the {part} of my {product} is dirty. What may I clean it with?",
        "may the {part} of the {product} go into the dishwasher?",
        "is there a guide for cleaning the {part} of a {product}?",
        "I want to clean my {product}, above all the {part}. How?",
    )),
)

DETAILS = {
    "product": ("It is about the {product}.", "The product is a {product}.", "I mean the {product}."),
    "order": ("The order number is {order}.", "It is order {order}.", "My order: {order}.", "(Order {order}.)"),
    "amount": ("It is about {amount}.", "The sum is {amount}.", "We are talking about {amount}."),
    "date": ("That was on {date}.", "The date: {date}.", "It is about {date}."),
    "email": ("The account is {email}.", "I am registered as {email}.", "My login is {email}."),
    "serial": ("The serial number is {serial}.", "Serial: {serial}.", "It has the serial {serial}."),
    "version": ("I use version {version}.", "The version is {version}.", "That is with {version}."),
    "code": ("The code is {code}.", "It says {code}.", "The display reads {code}."),
    "tracking": ("The tracking number is {tracking}.", "Tracking: {tracking}.", "It is parcel {tracking}."),
    "voucher": ("The code is {voucher}.", "It is voucher {voucher}.", "Code: {voucher}."),
    "last4": ("The card ends in {last4}.", "It is the card with {last4} at the end.", "Last digits: {last4}."),
}

MAIN_LEADS = (
    "my main problem: ", "what matters most: ", "the real reason why I am writing: ", "but the important thing is this: ",
    "here is what I need your help with: ", "above all: ", "the thing that cannot stay as it is: ", "most of all, ",
)
SIDE_LEADS = (
    "by the way, ", "a smaller thing: ", "this can wait, but ", "just so that you know: ", "only as a remark: ",
    "less important: ", "I also noticed something minor: ", "my wife told you about this one already: ",
)
SOLVED_LEADS = ("last month I wrote because ", "earlier this year I told you: ", "in my last ticket I said: ")
SOLVED_TAILS = (
    "That has been solved, thank you.", "Your colleague took care of it.", "It is settled now.",
    "You fixed that quickly.", "That one is closed.",
)
TWO_THINGS = ("I have two things.", "There are two points.", "Two matters, please.", "I write about two things.")
POINTERS = {
    1: ("Please solve the first one; the other can wait.", "The first is the one that counts.",
        "I care about the first point only, the second is for your information."),
    2: ("Please solve the second one; the other can wait.", "The second is the one that counts.",
        "I care about the second point only, the first is for your information."),
}

GREETINGS = (
    "Hi,", "Hello,", "Dear team,", "Good morning,", "Good evening,", "Hello support,", "Hi there,", "Dear {first},",
    "To whom it may concern,", "Hey,", "Hi {first},", "",
)
CLOSINGS = (
    "Thanks, {name}", "Best regards, {name}", "Kind regards, {name}", "{name}", "Thank you. {name}", "Yours, {name}, {city}",
    "Cheers, {first}", "Thank you!", "Please advise.", "Greetings from {city}, {first}", "",
)
DISTRACTORS = (
    "I have been a customer since {year}.",
    "My customer number is {number}.",
    "You can call me at {phone}.",
    "My earlier order {number} was perfect.",
    "A friend of mine, {name}, recommended you.",
    "I already spoke to {first} on the phone on {date}.",
    "The weather in {city} is lovely, by the way.",
    "Your shop in {city} is very nice.",
    "I paid {amount} for something similar elsewhere.",
    "I also own a {product}, and I like it a lot.",
    "My neighbour has a {product} and is happy with it.",
    "I hope that you are well.",
    "I looked at the help pages and found nothing.",
    "I attached a screenshot.",
    "Last year I spent {amount} in your shop.",
    "Somebody in the chat gave me the case number {number}.",
    "I turned it off and on again, as your page says.",
    "Sorry for my English.",
    "I work in {city} during the week.",
    "My colleague {name} can tell you more.",
)

# Points towards the priority, and how customers say it. Shouting is worth nothing.
CUES = {
    "today": (2, ("I need this solved today.", "It has to be settled before tonight.", "Tomorrow morning is too late.",
                  "I leave for the airport in three hours.", "Our customers arrive this afternoon.")),
    "soon": (1, ("I need an answer this week.", "Please solve it before {date}.", "It should not take longer than two days.",
                 "We have a meeting about it on {date}.")),
    "no rush": (-2, ("There is no hurry.", "Take your time.", "It is not urgent at all.",
                     "Any time next month is fine.", "Answer whenever it suits you.")),
    "big team": (2, ("{many} of my colleagues cannot work because of it.", "It stops a team of {many} people.",
                     "All {many} of us in the office are affected.")),
    "small team": (1, ("{few} of my colleagues cannot work because of it.", "It stops a team of {few} people.",
                       "All {few} of us in the office are affected.")),
    "again": (1, ("This is my third message about it.", "I have written twice and got no answer.",
                  "It is the second time that this happens.", "Nobody answered my last mail.")),
    "way around": (-1, ("I found a way around it for now.", "For the moment I can manage without.",
                        "A friend lent me a replacement, so I can wait a little.")),
    "lawyer": (1, ("Otherwise I will talk to my lawyer.", "My next letter goes to the consumer council.",
                   "If not, I will take legal steps.")),
    "gold": (1, ("I am a gold member.", "We have a priority contract with you.", "I pay for premium support.")),
    "shouting": (0, ("URGENT!!!", "HELP!", "ASAP please!!", "This is URGENT.", "I am really angry.")),
}
EXCLUSIVE_CUES = ({"today", "soon", "no rush"}, {"big team", "small team"}, {"again", "lawyer"}, {"way around", "today"})

BRANDS = (
    "Aurora", "Beacon", "Cobalt", "Delta", "Ember", "Falcon", "Glacier", "Harbor", "Indigo", "Juniper", "Kestrel", "Lumen",
    "Meridian", "Nimbus", "Onyx", "Pioneer", "Quartz", "Ridge", "Solano", "Tundra", "Umbra", "Vertex", "Willow", "Zephyr",
)
KINDS = (
    "Lamp", "Speaker", "Router", "Kettle", "Camera", "Keyboard", "Monitor", "Headset", "Printer", "Tablet", "Watch", "Scale",
    "Thermostat", "Vacuum", "Doorbell", "Charger", "Drone", "Mixer", "Heater", "Fan", "Scooter", "Projector", "Toaster", "Lock",
)
FIRST_NAMES = (
    "Anna", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Karin", "Liam", "Maya", "Nils",
    "Olga", "Pedro", "Quinn", "Rosa", "Samir", "Tina", "Umar", "Vera", "Wei", "Ximena", "Yusuf", "Zoe", "Aiko", "Bram",
    "Chloe", "Dario", "Emil", "Fiona", "Goran", "Hanna", "Ivan", "Julia", "Kofi", "Lena", "Marco", "Nora",
)
LAST_NAMES = (
    "Adler", "Berg", "Costa", "Dupont", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jensen", "Kumar", "Lopez", "Moreau",
    "Novak", "Okafor", "Patel", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Varga", "Weber", "Xu", "Yilmaz", "Zeller",
    "Abbott", "Blake", "Carver", "Dunn", "Ellis", "Frost", "Grant", "Hayes", "Irwin", "Joyce", "Keller", "Lund", "Marsh", "Nash",
)
CITIES = (
    "Oslo", "Lyon", "Porto", "Leeds", "Graz", "Turin", "Basel", "Malmo", "Ghent", "Brno", "Cork", "Riga", "Split", "Bergen",
    "Nantes", "Bilbao", "Aarhus", "Tampere", "Krakow", "Utrecht", "Denver", "Austin", "Boston", "Tucson", "Omaha", "Quito",
    "Lima", "Osaka", "Perth", "Dakar", "Accra", "Nairobi", "Cairo", "Amman", "Pune", "Hanoi",
)
PLANS = ("Basic", "Plus", "Team", "Business", "Family", "Student", "Studio", "Ultra")
PARTS = (
    "power cable", "remote", "manual", "battery", "mounting kit", "filter", "lid", "handle", "adapter", "cover", "stand",
    "ear pads", "strap", "drip tray", "memory card", "screws",
)
DEFECTS = (
    "a cracked screen", "a dent in the side", "a broken hinge", "scratches all over", "a loose button", "a torn cable",
    "a bent plug", "water inside", "a missing foot", "a broken lid", "a stuck switch", "a burnt smell", "a split seam",
    "a flickering light",
)
ACTIONS = (
    "I open the settings", "I upload a photo", "I scan a code", "I change the language", "I press play", "I log out",
    "I add a second user", "I turn on dark mode", "I search for a name", "I print a list", "I import contacts",
    "I rename a room", "I start a timer", "I share a link",
)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)
MAIL_HOSTS = ("mailbox.example", "post.example", "inbox.example", "fastmail.example", "office.example", "letters.example")
