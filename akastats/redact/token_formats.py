"""Formats of tokens: facts from published rule sets.

Written by benchmarks/secrets/refresh.py; do not edit. The sources:

- gitleaks/gitleaks, b58d3f102cf3a2c84cb7f923d05c25c9b1aed84b of 2026-07-22
- mongodb/kingfisher, ee7c0db3ef87575768f817820c24736249ffcdef of 2025-06-20

A row is a maker, the prefix of its tokens, and the alphabet and least length of the rest. The alphabets: d digits,
h and H hexadecimal, u capitals and digits, l small letters and digits, n all, w with `_-`, b base64, x any.
"""

ROWS = r"""
1password-secret-key A3- w36
1password-service-account-token ops_eyJ b250
adafruitio aio_ n28
adobe-client-secret p8e- w32
age age1 l58
age-secret-key AGE-SECRET-KEY-1 u58
airtable-personnal-access-token pat x77
alibaba-access-key-id LTAI n17
anthropic sk-ant-api w98
anthropic-admin-api-key sk-ant-admin01- w95
anthropic-api-key sk-ant-api03- w95
artifactory AKC n64
artifactory-api-key AKCp n69
artifactory-reference-token cmVmd n59
authress-service-client-access-key authress_ x56
authress-service-client-access-key ext_ x56
authress-service-client-access-key sc_ x56
authress-service-client-access-key scauth_ x56
aws AGPA x16
aws AIDA x16
aws AIPA n16
aws ANPA n16
aws ANVA n16
aws AROA n16
aws-access-token A3T u17
aws-access-token ABIA u16
aws-access-token ACCA u16
aws-access-token AKIA x16
aws-access-token ASIA n16
aws-amazon-bedrock-api-key-long-lived ABSK b109
beamer-api-token b_ x44
buildkite bkua_ l40
checio pk_ w30
circleci CCIPAT_ w65
clickhouse-cloud-api-secret-key 4b1d n38
clojars-api-token CLOJARS_ n60
close api_ x45
cloudflare-origin-ca-key v1.0- x160
contentful CFPAT- w43
crates-io cio n32
databricks-api-token dapi w32
defined-networking-api-token dnkey- x79
dependency-track odt_ n32
digitalocean-access-token doo_v1_ h64
digitalocean-pat dop_v1_ h64
digitalocean-refresh-token dor_v1_ H64
dockerhub dckr_pat_ w27
doppler dp.audit. n40
doppler dp.ct. n40
doppler dp.sa. n40
doppler dp.scim. n40
doppler dp.st. x40
doppler-api-token dp.pt. n40
dropbox-short-lived-api-token sl. x135
duffel-api-token duffel_live_ x43
duffel-api-token duffel_test_ x43
dynatrace dt0 x93
dynatrace-api-token dt0c01. x89
easypost-api-token EZAK n54
easypost-test-api-token EZTK n54
elevenlabs sk_ w32
facebook EAACEdEose0cBA n20
facebook-page-access-token EAA n101
figma figd_ w40
flexport shltm_ w40
flutterwave-encryption-key FLWSECK_TEST- w12
flutterwave-public-key FLWPUBK_TEST- w34
flyio-access-token fm1 x102
flyio-access-token fm2_ b100
flyio-access-token fo1_ w43
frameio-api-token fio-u- x64
fullstory-v2 na1. b100
gcp-api-key AIza w35
github ghs_ w35
github ghu_ w35
github-fine-grained-pat github_pat_ w35
github-oauth gho_ w35
github-pat ghp_ w35
github-refresh-token ghr_ w35
gitlab-cicd-job-token glcbt- w22
gitlab-deploy-token gldt- w20
gitlab-feature-flag-client-token glffct- w20
gitlab-feed-token glft- w20
gitlab-incoming-mail-token glimt- w25
gitlab-kubernetes-agent-token glagent- w50
gitlab-oauth-app-secret gloas- w64
gitlab-pat glpat- x20
gitlab-ptt glptt- h40
gitlab-rrt GR1348941 w20
gitlab-runner-authentication-token glrt- w20
gitlab-runner-authentication-token-routable glrt-t x39
gitlab-scim-token glsoat- w20
gitlab-session-cookie _gitlab_session= l32
gocardless-api-token live_ x27
google GOCSPX- w28
google ya29. w20
grafana-cloud-api-token glc_ b32
grafana-service-account-token glsa_ w41
groq gsk_ n52
harness-api-key pat. x68
harness-api-key sat. x68
heroku-api-key-v2 HRKU-AA w58
hubspot pat-eu1- w36
hubspot pat-na1- w36
huggingface-access-token hf_ n34
huggingface-organization-api-token api_org_ n34
infracost-api-token ico- n32
intra42-client-secret s-s4t2af- H64
intra42-client-secret s-s4t2ud- H64
ionic ion_ l42
jwt-base64 ZXlKaGJHY2lPaU x40
jwt-base64 ZXlKaGNIVWlPaU x40
jwt-base64 ZXlKaGNIWWlPaU x40
jwt-base64 ZXlKaGRXUWlPaU x40
jwt-base64 ZXlKaU5qUWlP x40
jwt-base64 ZXlKamNtbDBJanBi x40
jwt-base64 ZXlKamRIa2lPaU x40
jwt-base64 ZXlKbGJtTWlPaU x40
jwt-base64 ZXlKbGNHc2lPbn x40
jwt-base64 ZXlKcGMzTWlPaU x40
jwt-base64 ZXlKcWEzVWlPaU x40
jwt-base64 ZXlKcWQyc2lPb x40
launchdarkly launchdarklyACCESS x38
launchdarkly launchdarklyACCESS- w36
launchdarkly launchdarklyKEY x38
launchdarkly launchdarklyKEY- w36
launchdarkly launchdarklyPRIVATE x38
launchdarkly launchdarklyPRIVATE- w36
launchdarkly launchdarklySECRET x38
launchdarkly launchdarklySECRET- w36
launchdarkly launchdarklyTOKEN x38
launchdarkly launchdarklyTOKEN- w36
linear-api-key lin_api_ n40
lob-api-key test_ n27
lob-pub-api-key live_pub_ H31
lob-pub-api-key test_pub_ H31
mailgun-private-api-token key- n32
mailgun-pub-key pubkey- H32
mailsac k_ n36
mapbox sk. x53
mapbox tk. x53
mapbox-api-token pk. x53
mongodb mdb_sa_sk_ w40
new-relic-browser-api-token NRJS- H19
new-relic-insert-key NRII- w32
new-relic-user-api-key NRAK- n27
ngrok ak_ n25
ngrok cr_ n25
notion secret_ n43
notion-api-token ntn_ n46
npm-access-token npm_ n36
nuget oy2 l43
octopus-deploy-api-key API- u26
openai-api-key sk- n48
openai-api-key sk-admin- w124
openai-api-key sk-proj- w124
openai-api-key sk-svcacct- w124
openshift-user-token sha256~ w43
openweather APPID= l32
pagarme ak_live_ n30
pagerdutyapikey u+ x18
pem LS0tLS1CRUdJTiBEU0EgUFJJVkFURSBLRVktLS0t b50
pem LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t b50
pem LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0t b50
perplexity-api-key pplx- n48
plaid-api-token access-development- w36
plaid-api-token access-production- w36
plaid-api-token access-sandbox- w36
planetscale-api-token pscale_tkn_ x32
planetscale-oauth-token pscale_oauth_ x32
planetscale-password pscale_pw_ x32
posthog phx_ w43
postman-api-token PMAK- w59
prefect-api-token pnu_ n36
pubnub pub-c- w36
pubnub sub-c- w36
pulumi-api-token pul- l40
pypi-upload-token pypi-AgEIcHlwaS5vcmc w50
readme-api-token rdme_ n70
replicate r8_ w37
rubygems-api-token rubygems_ n42
scalingo-api-token tk-us- w48
scrapfly scp-live- l32
scrapfly scp-test- l32
sendgrid-api-token SG. x60
sendinblue-api-token xkeysib- w81
sentry-org-token sntrys_eyJpYXQiO x80
sentry-user-token sntryu_ h64
settlemint-application-access-token sm_aat_ n16
settlemint-personal-access-token sm_pat_ n16
settlemint-service-access-token sm_sat_ n16
shippo-api-token shippo_live_ H40
shippo-api-token shippo_test_ H40
shopify-access-token shpat_ H30
shopify-custom-access-token shpca_ H30
shopify-private-app-access-token shppa_ H30
shopify-shared-secret shpss_ H30
shutterstockoauth v2/ n388
slack xapp- w34
slack xoxe.xox w159
slack-bot-token xoxb- w21
slack-config-access-token xoxe x171
slack-config-refresh-token xoxe- w142
slack-user-token xox w22
sourcegraph sgp_sgp_ H40
sourcegraph slk_ h64
sourcegraph-access-token sgp_ w40
sourcegraph-access-token sgp_local_ H40
square sq0csp- w43
square-access-token EAAA x22
square-access-token sq0atp- w22
squareup sq0idp- n22
stackhawk hawk. x41
stripe pk_live_ l10
stripe-access-token rk_live_ n10
stripe-access-token rk_prod_ n10
stripe-access-token rk_test_ n10
stripe-access-token sk_live_ n10
stripe-access-token sk_prod_ n10
stripe-access-token sk_test_ n10
teamworkcrm tkn.v1_ b72
twitter-bearer-token AAAAAAAAAAAAAAAAAAAAAA x80
typeform-api-token tfp_ x40
ubidots BBFF- n30
vault-batch-token hvb. w138
vault-service-token hvs. w90
vault-service-token s. n24
voiceflow VF. x41
voiceflow VF.DM. x41
voiceflow VF.WS. x41
xai xai- w80
yandex-access-token t1. x88
yandex-api-key AQVN w35
zohocrm 1000. x65
"""

#: Makers whose tokens have no form of their own: next to the name, hexadecimal digits and UUIDs are secrets.
MAKERS = """
adafruit administrator adobe airtable algolia alibaba apifonica apify apilayer apimetrics apitemplate appfollow
appointedd appoptics appsynergy artifactory asana assemblyai atera atlassian autoklose autopilot avaza
aviationstack axonaut ayrshare azure bannerbear beamer beebole besnappy besttime betterstack bintray bird
bitbar bitcoinaverage bitly bittrex blazemeter blitapp blocknative blogger bombbomb boostnote borgbase botid
brandfetch browshot bscscan buddyns budibase bugherd bugsnag buttercms caflou calendarific calendly
calorieninja capsulecrm carboninterface centralstationcrm chartmogul chatbot chatfuel checio checklyhq circleci
clarifai cliengo clockify closecrm cloudconvert cloudflare cloudimage cloudmersive cloudplan cloudsmith
cloverly clustdoc codacy codecov codemagic codequiry cohere coinapi coinbase coinlayer coinlib commercejs
confluence confluent contentful conversiontools convertapi convertkit countrylayer courier coveralls craftmypdf
creds crowdin cryptocompare currencyfreaks currencylayer currencyscoop currentsapi dareboost databox datadog
debounce deepai deepgram delighted detectify detectlanguage diffbot diggernaut discord disqus ditto dnkey
docparser dronahq droneci dropbox dynalist dyspatch eagleeyenetworks ecostruxureit eraki etherscan ethplorer
etsy eventbrite everhour exchangerate exchangerates extractorapi facebook fastforex fastly feedier fetchrss
figma fileio financialmodelingprep findl finicity finnhub flickr flightapi formbucket formcraft formio
foursquare freshbooks fullstory fxmarket geckoboard geoapify getemail getgeoapi getgist getresponse gitter
glassnode gocardless goodday graphhopper gtmetrix gumroad gyazo hellosign helpcrunch helpscout hereapi heroku
hiveage holidayapi honeycomb hubspot hybiscus iconfinder iexapis iexcloud imagekit impala infura insightly
instabot interseller intrinio ipapi ipgeolocation ipifi ipinfo ipinfodb ipquality ipstack jfrog jira jotform
jumpcloud jupiterone kickbox klipfolio knapsackpro kontent kraken kucoin kylas languagelayer launchdarkly
leadfeeder lemonsqueezy lendflow lexigram linenotify linked linkpreview livestorm loginradius logz lokalise
looker loyverse lunchmoney madkudu mailboxlayer mailchimp mailchimpsdk mailerlite mailgun mailjet mailmodo
mailsac mapbox mapquest marketstack mattermost mavenlink mediastack meistertask meraki mesibo message
mindmeister mockaroo monkeylearn moonclerk moosend moralis myintervals nasdaq netcore netlify newrelic newsapi
newscatcher newyorktimes nftport nicereply noticeable nozbe nozbeteams nuget numverify nylas nytimes oanda
oauth okta omnisend onesignal onfleet onfluence oopspam opencagedata openuv optimizely owlbot packagecloud
pagerduty pandadoc pandascore paperform paralleldots partnerstack passw paydirtapp paymoapp paymongo pdflayer
pdfshift peopledatalabs pepipost pipedrive pixabay plaid pollsapi positionstack postageapp posthog postmark
powrbot prodpad proxycrawl pushbullet qualaroo qubole rapidapi reachmail rebrandly relic rentman replyio
requestfinance restpack ritekit rocketreach rockset runscope salesblink salescookie salesflare scaleway
scrapeowl scraperapi scraperbox scrapestack scrapfly scrapingant scrapingbee screenshotapi screenshotlayer
scrutinizer securitytrails selectpdf sendbird sentry serphouse serpstack sherpadesk shipday shodan shotstack
shutterstock signaturit signupgenius sigopt simfin simplynoted simvoly skrapp smartsheets snipcart snyk sonar
sparkpost speechtext splunk spoonacular sportsmonk squarespace sslmate statuscake statuspage statuspal
stitchdata stockdata storecove stormboard stormglass storyblok storychief sumo supernotes surveybot
surveysparrow survicate swiftype tallyfy taxjar teamworkcrm teamworkdesk teamworkspaces technicalanalysisapi
tefter telegr teletype telnyx theoddsapi ticketmaster tickettailor tiingo timezoneapi tlassian tmetric todoist
tomtom tradier transferwise travis twelvedata twitch twitter tyntec typeform uclassify unsplash upcdatabase
uptimerobot upwave urlscan userflow userstack vagrant vatlayer vbout vercel verimail veriphone versioneye
viewneo virustotal visualcrossing voicegain voodoosms vpnapi vultr walkscore weatherbit weatherstack webflow
webscraper webscraping whoxy wistia worksnaps workstack worldcoinindex worldweather xray yandex yelp
youneedabudget yousign zendesk zenrows zenscrape zeplin zerobounce zerotier zipcodeapi zipcodebase
"""

#: Characters of each alphabet, as in a regular expression's class.
ALPHABETS = {
    "d": r"0-9",
    "h": r"0-9a-f",
    "H": r"0-9a-fA-F",
    "u": r"0-9A-Z",
    "l": r"0-9a-z",
    "n": r"0-9A-Za-z",
    "w": r"0-9A-Za-z_-",
    "b": r"0-9A-Za-z+/=",
    "x": r"0-9A-Za-z_+/=.~%-",
}
