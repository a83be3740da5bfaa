"""Ways in which texts show a secret, each a kind of its own; half of them, drawn by lot, are held out.

A form names no secret: `{p}` is a password as people choose them, `{t}` a token drawn by lot, `{h}` hexadecimal
digits, `{b}` base64. The half that is held out is measured, and never looked at while rules are written.
"""

from __future__ import annotations

import base64
import random
import re
import string
from dataclasses import dataclass

LETTERS = string.ascii_letters + string.digits

#: One form a paragraph; its first line names it.
_FORMS = r'''
yaml folded
services:
  db:
    password: >-
      {p}
    port: 5432

yaml block
credentials:
  api_token: |
    {t}
  other: 1

yaml literal kept
smtp_password: |+
  {p}

yaml anchor
db_password: &pw {p}

yaml tag
password: !vault-plain {p}

yaml quoted key
"password": "{p}"

yaml list under key
passwords:
  - {p}
  - other

yaml name and value
env:
  - name: DB_PASSWORD
    value: {p}

yaml flow
db: {{user: me, password: {p}, port: 1}}

kubernetes secret
kind: Secret
stringData:
  password: {p}

kubernetes secret encoded
apiVersion: v1
kind: Secret
data:
  password: {b}

compose environment
    environment:
      - POSTGRES_PASSWORD={p}

toml
[database]
password = "{p}"

toml inline
db = {{ user = "me", password = "{p}" }}

toml multi-line
secret = """
{p}"""

toml literal
api_key = '{t}'

ini colon
password: {p}

ini spaces
[client]
password   =    {p}

properties
spring.datasource.password={p}

properties colon
mail.smtp.password:{p}

pypirc
[pypi]
username = __token__
password = {t}

npmrc
//registry.npmjs.org/:_authToken={t}

npmrc old
_auth={b}

yarnrc
npmAuthToken: "{t}"

pip conf
extra-index-url = https://me:{p}@pypi.example.com/simple

docker config
{{"auths": {{"registry.example.com": {{"auth": "{b}"}}}}}}

gradle
signing.password={p}

maven settings
<server><id>nexus</id><username>me</username><password>{p}</password></server>

terraform
variable "db_password" {{
  default = "{p}"
}}

terraform plan
  + password = "{p}" -> null

hcl token
token = "{t}"

xml namespace
<ns2:Password xmlns:ns2="urn:x">{p}</ns2:Password>

soap wsse
<wsse:UsernameToken><wsse:Username>me</wsse:Username><wsse:Password Type="http://docs.example.org/wss#PasswordText">{p}</wsse:Password></wsse:UsernameToken>

xml attribute typed
<apiKey xsi:type="xsd:string">{t}</apiKey>

xml cdata
<password><![CDATA[{p}]]></password>

xml over lines
<clientSecret>
    {p}
</clientSecret>

xml property
<property name="password" value="{p}"/>

xml property text
<property name="javax.jdo.option.ConnectionPassword"><value>{p}</value></property>

xml entry
<entry key="smtp.password">{p}</entry>

xml string resource
<string name="api_key">{t}</string>

plist
<key>AccessToken</key>
<string>{t}</string>

app config
<add key="Password" value="{p}" />

web config connection
<add name="Db" connectionString="Server=db;User Id=sa;Password={p};" />

xml escaped
&lt;password&gt;{p}&lt;/password&gt;

xml single quotes
<user name='me' passwd='{p}'/>

elementtree repr
<Element 'login' attrib={{'user': 'me', 'pass': '{p}'}}>

pydantic value error
E   pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings
E   password
E     String should have at least 40 characters [type=string_too_short, input_value='{p}', input_type=str]

pydantic nested location
E   db.api_key
E     Input should be a valid integer [type=int_parsing, input_value='{t}', input_type=str]

pydantic whole input
E   port
E     Field required [type=missing, input_value={{'user': 'me', 'password': '{p}'}}, input_type=dict]

pydantic secret shown
password=SecretStr('{p}')

pydantic get secret
assert SecretStr('**********').get_secret_value() == '{p}'

pydantic errors list
[{{'type': 'string_too_short', 'loc': ('body', 'password'), 'msg': 'short', 'input': '{p}', 'ctx': {{'min': 40}}}}]

fastapi detail
{{"detail":[{{"type":"string_too_short","loc":["body","password"],"msg":"short","input":"{p}"}}]}}

marshmallow
ValidationError: {{'password': ['Not long enough: {p}']}}

django form
<input type="password" name="password" value="{p}" id="id_password">

html hidden
<input type="hidden" name="csrf_token" value="{t}">

html meta
<meta name="csrf-token" content="{t}">

html data attribute
<div data-api-key="{t}"></div>

attrs class
Account(name='me', password='{p}', age=3)

namedtuple
Login(user='me', pwd='{p}')

dataclass field last
Session(user=User(id=1), session_token='{t}')

enum style
<Settings password: '{p}' user: 'me'>

simple namespace
namespace(host='db', passphrase='{p}')

argparse namespace
Namespace(verbose=False, token='{t}', path='.')

click invoke
runner.invoke(cli, ['login', '--password', '{p}'])

mock call
call(user='me', password='{p}')

mock call positional name
Expected: login('me', password='{p}')

mock assert
AssertionError: expected call not found.
Expected: authenticate(api_key='{t}')
  Actual: authenticate(api_key='x')

call set_password
user.set_password('{p}')

call check_password
assert user.check_password("{p}")

call login two
client.login('ada', '{p}')

call login keywords
client.login(username='ada', password='{p}')

call set token
session.set_token("{t}")

call authenticate
api.authenticate('{t}')

call with secret
encrypt_with_password(data, '{p}')

call setenv
monkeypatch.setenv('STRIPE_KEY', '{t}')

call setenv password
monkeypatch.setenv("DB_PASSWORD", "{p}")

call getpass
monkeypatch.setattr('getpass.getpass', lambda _: '{p}')

call setattr
setattr(config, 'secret_key', '{p}')

call put
store.put('api_token', '{t}')

call get default
os.environ.get('API_SECRET', '{p}')

call keyring
keyring.set_password('service', 'me', '{p}')

call smtplib
smtp.login('me@example.com', '{p}')

call ftplib
ftplib.FTP('host', 'me', '{p}')

call pymysql positional
pymysql.connect('db', 'me', '{p}', 'shop')

call basic auth class
HTTPBasicAuth('me', '{p}')

call paramiko
ssh.connect('host', username='me', password='{p}')

call hmac
hmac.new(b'{p}', message, 'sha256')

call jwt encode
jwt.encode(payload, '{p}', algorithm='HS256')

call boto
boto3.client('s3', aws_access_key_id='x', aws_secret_access_key='{t}')

call fernet
Fernet(b'{b}=')

jdbc oracle
jdbc:oracle:thin:scott/{p}@//db.example.com:1521/orcl

jdbc mysql
jdbc:mysql://db:3306/shop?user=me&password={p}&useSSL=false

jdbc sqlserver
jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password={p};encrypt=true

jdbc postgres
jdbc:postgresql://db/shop?user=me&password={p}

sqlplus
sqlplus scott/{p}@orcl

sqlplus easy connect
sqlplus -S system/{p}@//db:1521/XE @script.sql

odbc
DRIVER={{ODBC Driver 18 for SQL Server}};SERVER=db;UID=sa;PWD={p};Encrypt=yes

ado
Server=db;Database=x;User ID=me;Password="{p}";Trusted_Connection=False

oracle ezconnect python
oracledb.connect('scott/{p}@db/orcl')

mongo uri
mongodb://me:{p}@a.example.com,b.example.com:27017/admin?replicaSet=rs

amqp uri
amqps://svc:{p}@mq.example.com/vhost

ldap bind
ldap_bind: dn="cn=admin,dc=example" credentials="{p}"

smtp auth
AUTH PLAIN {b}

smtp auth login
334 UGFzc3dvcmQ6
{b}

imap login
a001 LOGIN me {p}

ftp dialogue
USER me
PASS {p}

pop3 dialogue
PASS {p}

irc
/msg NickServ IDENTIFY {p}

redis auth
AUTH default {p}

redis auth resp
*2\r\n$4\r\nAUTH\r\n$16\r\n{p}\r\n

redis config
requirepass {p}

redis acl
ACL SETUSER me on >{p} ~* +@all

query code
GET /callback?code={t}&state=x HTTP/1.1

query oauth verifier
https://api.example.com/oauth?oauth_token=x&oauth_verifier={t}

query key
https://maps.example.com/api/geocode/json?address=x&key={t}

query apikey
https://api.example.com/data?apikey={t}

query signature
https://bucket.s3.amazonaws.com/a?X-Amz-Credential=x&X-Amz-Signature={h}

query sig
https://cdn.example.com/a.png?expires=1&sig={t}

query session
https://example.com/page;jsessionid={t}?x=1

query reset token
https://example.com/reset?uid=3&token={t}

reset path
https://example.com/password/reset/{t}/

invite path
https://example.com/invite/{t}

webhook path
https://outlook.example.com/webhook/{t}

magic link fragment
https://example.com/#access_token={t}&token_type=bearer

query password
http://host/login?user=me&pass={p}

query encoded
redirect_uri%3Dhttps%253A%252F%252Fx%26client_secret%3D{t}

query otp
/verify?otp_secret={t}

otpauth
otpauth://totp/Example:me?secret={T}&issuer=Example

header bearer
Authorization: Bearer {t}

header bearer dict
{{'Authorization': 'Bearer {t}'}}

header basic
authorization: Basic {b}

header digest
Authorization: Digest username="me", realm="x", nonce="{t}", uri="/", response="{h}"

header digest response dict
{{'Authorization': 'Digest username="me", realm="x", uri="/", response="{h}"'}}

header apikey scheme
Authorization: ApiKey {t}

header aws4
Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us/s3/aws4_request, SignedHeaders=host, Signature={h}

header custom scheme
Authorization: GenieKey {t}

header no scheme
Authorization: {t}

header raw bytes
b'Authorization: token {t}\r\nHost: x\r\n'

header tuples
[(b'host', b'x'), (b'authorization', b'Bearer {t}')]

header list pair
['X-Api-Key', '{t}']

header httpx
Headers({{'host': 'x', 'x-api-key': '{t}'}})

header x auth
X-Auth-Token: {t}

header csrf
X-CSRFToken: {t}

header x session
X-Session-Id: {t}

header wsgi environ
{{'HTTP_AUTHORIZATION': 'Bearer {t}', 'HTTP_HOST': 'x'}}

header wsgi api key
'HTTP_X_API_KEY': '{t}'

header websocket protocol
Sec-WebSocket-Protocol: bearer, {t}

header websocket key
Sec-WebSocket-Key: {b}

header gitlab
PRIVATE-TOKEN: {t}

header hub signature
X-Hub-Signature-256: sha256={h}

header proxy
Proxy-Authorization: Basic {b}

header set cookie
Set-Cookie: session={t}; Path=/; HttpOnly

header cookie several
Cookie: theme=dark; sid={t}; lang=en

curl header
curl -H "X-Api-Key: {t}" https://x

curl cookie
curl -b 'session={t}' https://x

curl cookie long
curl --cookie "sid={t}" https://x

curl data
curl -d '{{"password":"{p}"}}' https://x

curl oauth
curl --oauth2-bearer {t} https://x

curl user
curl -u 'me:{p}' https://x

cookie dict
cookies={{'sessionid': '{t}', 'theme': 'dark'}}

cookie dict odd name
cookies = {{'sid': '{t}'}}

cookie jar
<RequestsCookieJar[<Cookie sessionid={t} for example.com/>]>

simple cookie
<SimpleCookie: sessionid='{t}'>

cookie morsel
<Morsel: PHPSESSID={t}; Path=/>

cookie netscape
example.com	FALSE	/	TRUE	0	session	{t}

flask session
<SecureCookieSession {{'_csrf': '{t}'}}>

django settings
SECRET_KEY = '{p}'

django databases
DATABASES = {{'default': {{'ENGINE': 'x', 'USER': 'me', 'PASSWORD': '{p}', 'HOST': 'db'}}}}

nested credentials
{{'credentials': {{'login': 'me', 'value': '{p}'}}}}

nested secrets list
{{'secrets': ['{p}', 'other-{p}']}}

nested secrets deep
{{'secrets': {{'db': {{'primary': '{p}'}}}}}}

json secrets
{{"secrets": {{"stripe": "{t}", "db": "{p}"}}}}

json credentials list
{{"credentials": [{{"type": "x", "data": "{p}"}}]}}

json pretty
{{
  "client_secret": "{p}",
  "scopes": []
}}

json pretty nested
"auth": {{
    "user": "me",
    "pass": "{p}"
}}

json escaped
"{{\"password\": \"{p}\"}}"

json escaped twice
"{{\\\"password\\\": \\\"{p}\\\"}}"

json number
{{"pin_code": 1, "otp": "845213"}} {{"password": "{p}"}}

json name value
{{"name": "api_key", "value": "{t}"}}

json key value
{{"key": "DB_PASSWORD", "value": "{p}"}}

json field label
{{"label": "Password", "type": "CONCEALED", "value": "{p}"}}

json service account
{{"type": "service_account", "private_key_id": "{h}", "client_id": "1"}}

jwk
{{"kty": "RSA", "n": "abc", "e": "AQAB", "d": "{t}{t}"}}

jwk symmetric
{{"kty":"oct","kid":"1","k":"{t}","alg":"HS256"}}

jwk ec
{{'kty': 'EC', 'crv': 'P-256', 'x': 'a', 'y': 'b', 'd': '{t}'}}

netrc one line
machine api.example.com login me password {p}

netrc lines
machine api.example.com
  login me
  password {p}

netrc default
default login anonymous password {p}

pgpass
db.example.com:5432:shop:me:{p}

pgpass star
*:*:*:postgres:{p}

my cnf
[client]
user=root
password="{p}"

htpasswd apr1
ada:$apr1$x8k2v9Qz$B{t22}

htpasswd bcrypt
ada:$2y$10${t53}

htpasswd sha
ada:{{SHA}}{b28}=

shadow
root:$6$rounds=5000$Zk3x9Q${t86}:19000:0:99999:7:::

shadow yescrypt
ada:$y$j9T$x8k2v9Qz$B{t43}:19000:0:99999:7:::

django hash
pbkdf2_sha256$600000$x8k2v9Qz1L$B{b43}=

argon2
$argon2id$v=19$m=65536,t=3,p=4$x8k2v9Qz1L$B{b43}

werkzeug hash
scrypt:32768:8:1$x8k2v9Qz$h{h64}

ldap ssha
userPassword: {{SSHA}}{b32}

ntlm dump
ada:1001:aad3b435b51404eeaad3b435b51404ee:{h}:::

chpasswd
echo 'ada:{p}' | chpasswd

chpasswd here
chpasswd <<< "ada:{p}"

passwd stdin
echo {p} | passwd --stdin ada

sudo stdin
echo '{p}' | sudo -S apt update

docker login
docker login -u me -p {p} registry.example.com

docker login long
docker login --username me --password {p}

docker login stdin
echo {t} | docker login -u me --password-stdin

docker run env
docker run -e MYSQL_ROOT_PASSWORD={p} mysql

docker build arg
docker build --build-arg NPM_TOKEN={t} .

az login
az login --service-principal -u x -p {p} --tenant y

az keyvault
az keyvault secret set --vault-name v --name n --value {p}

az storage
az storage blob list --account-key {b}==

aws configure
aws configure set aws_secret_access_key {t}

aws rds
aws rds modify-db-instance --master-user-password {p}

aws secretsmanager
aws secretsmanager create-secret --name n --secret-string {p}

gcloud sql
gcloud sql users set-password me --password={p}

vault login
vault login {t}

vault login token
vault login token={t}

vault kv put
vault kv put secret/db password={p}

vault write
vault write auth/userpass/login/me password={p}

gh auth
gh auth login --with-token <<< {t}

gh secret
gh secret set DEPLOY --body {p}

twine upload
twine upload -u me -p {p} dist/*

lftp
lftp -u me,{p} sftp://host

ncftp
ncftpput -u me -p {p} host /a b

smbclient
smbclient //host/share -U me%{p}

mount cifs
mount -t cifs //h/s /mnt -o username=me,password={p}

rdesktop
xfreerdp /u:me /p:{p} /v:host

net use
net use Z: \\host\share {p} /user:me

net user
net user ada {p} /add

psexec
psexec \\host -u me -p {p} cmd

runas powershell
ConvertTo-SecureString "{p}" -AsPlainText -Force

powershell credential
New-Object PSCredential('me', '{p}')

setx
setx API_TOKEN {t}

set batch
set DB_PASSWORD={p}

export shell
export DB_PASSWORD={p}

fish
set -x DB_PASSWORD {p}

powershell env
$env:API_KEY = '{t}'

dockerfile env
ENV API_TOKEN {t}

mysql
mysql -uroot -p{p} shop

mysqldump
mysqldump --user=root --password={p} shop

psql env
PGPASSWORD={p} psql -h db

mongosh
mongosh --username me --password {p}

mongodump
mongodump -u me -p {p}

influx
influx -username me -password {p}

cqlsh
cqlsh -u me -p {p} host

sqlcmd
sqlcmd -S db -U sa -P {p}

bcp
bcp shop.t out f -S db -U sa -P {p}

openssl
openssl enc -aes-256-cbc -pass pass:{p}

openssl passin
openssl rsa -passin pass:{p} -in k

gpg
gpg --batch --passphrase {p} -d f

keytool
keytool -list -storepass {p} -keystore k

jarsigner
jarsigner -keypass {p} a.jar x

ansible
ansible-playbook -e "ansible_password={p}" x.yml

ansible inventory
host1 ansible_user=me ansible_ssh_pass={p}

helm
helm install x --set auth.password={p}

kubectl secret
kubectl create secret generic s --from-literal=password={p}

kubectl config
kubectl config set-credentials me --token={t}

oc login
oc login -u me -p {p} https://x

npm config
npm config set //registry.npmjs.org/:_authToken {t}

cargo login
cargo login {t}

gem push
gem push --key {t} x.gem

composer
composer config github-oauth.github.com {t}

heroku config
heroku config:set SECRET_KEY={p}

fly secrets
flyctl secrets set SECRET_KEY={p}

wrangler
echo {t} | wrangler secret put API_KEY

sshpass
sshpass -p '{p}' ssh h

sshpass env
SSHPASS={p} sshpass -e ssh h

plink
plink -ssh me@h -pw {p}

wget
wget --user=me --password={p} https://x

httpie
http -a me:{p} https://x

git remote
git clone https://me:{t}@github.example.com/a/b.git

git extraheader
git -c http.extraheader="AUTHORIZATION: basic {b}" fetch

svn
svn checkout --username me --password {p} https://x

zip
zip -P {p} a.zip b

sevenzip
7z x -p{p} a.7z

rar
rar a -hp{p} a.rar b

ipmitool
ipmitool -H h -U me -P {p} power status

ldapsearch
ldapsearch -x -D cn=admin -w {p}

snmp
snmpget -v3 -u me -A {p} -X x host

restic
RESTIC_PASSWORD={p} restic backup

rclone
rclone obscure {p}

subprocess list
CalledProcessError: Command '['tool', '--token', '{t}', 'x']' returned non-zero exit status 1.

subprocess list joined
Command '['tool', '--password={p}']' timed out

sql identified
CREATE USER 'me'@'%' IDENTIFIED BY '{p}'

sql alter password
ALTER USER me WITH PASSWORD '{p}'

sql alter role
ALTER ROLE me PASSWORD '{p}' VALID UNTIL 'infinity'

sql login
CREATE LOGIN me WITH PASSWORD = '{p}'

sql set password
SET PASSWORD FOR 'me'@'%' = PASSWORD('{p}')

sql where
SELECT * FROM users WHERE name = 'me' AND password = '{p}'

sql insert
INSERT INTO users (name, password) VALUES ('me', '{p}')

sql insert three
INSERT INTO accounts (id, api_key, plan) VALUES (1, '{t}', 'free')

sql update
UPDATE users SET password = '{p}' WHERE id = 1

sql bound tuple
[SQL: INSERT INTO users (name, password) VALUES (?, ?)]
[parameters: ('ada', '{p}')]

sql bound dict
[SQL: INSERT INTO users (name, password) VALUES (%(name)s, %(password)s)]
[parameters: {{'name': 'ada', 'password': '{p}'}}]

sql bound update
[SQL: UPDATE users SET password=? WHERE users.id = ?]
[parameters: ('{p}', 1)]

sql bound select
[SQL: SELECT users.id FROM users WHERE users.name = ? AND users.api_token = ?]
[parameters: ('ada', '{t}')]

sql detail
DETAIL:  Failing row contains (1, ada, {p}).
STATEMENT: INSERT INTO users (id, name, password)

sql duplicate
DETAIL:  Key (api_token)=({t}) already exists.

sql duplicate mysql
Duplicate entry '{t}' for key 'users.api_token'

sql pgcrypto
SELECT crypt('{p}', gen_salt('bf'))

sql decrypt
SELECT pgp_sym_decrypt(data, '{p}') FROM t

cql
CREATE ROLE me WITH PASSWORD = '{p}' AND LOGIN = true

mongo create user
db.createUser({{user: "me", pwd: "{p}", roles: []}})

prose is
the password is {p}

prose is quoted
ValueError: the password is "{p}"

prose api key
Incorrect API key provided: {t}. You can find your API key at https://x

prose token
Invalid token: {t}

prose token quoted
token '{t}' is expired

prose wrong password
wrong password {p} for user ada

prose with password
could not log in as ada with password {p}

prose using secret
signing with secret {p} failed

prose credentials
bad credentials: ada / {p}

prose credentials colon
bad credentials ada:{p}

prose your code
your new password: {p}

prose was
Your API key was {t}

prose equals
expected password to equal {p}

prose parenthesis
login failed (password: {p})

prose parenthesis pair
login failed for ada (password {p})

prose arrow
password -> {p}

prose backticks
use the password `{p}` to log in

prose comma
user ada, password {p}, host db

prose sentence
Please use API key {t} for this request.

prose session
session {t} not found

prose license
license key {t} has expired

prose reset
password changed from {p} to other

prose not match
'{p}' is not a valid password

prose passphrase
passphrase is: {p}

log key value
level=info msg=login user=me password={p}

log json
{{"level":"info","msg":"x","ctx":{{"password":"{p}"}}}}

log brackets
[password={p}] [user=me]

log angle
<password: {p}>

log pipe
user|me|password|{p}

log tabs
password	{p}

log arrow hash
:password=>"{p}", :user=>"me"

ruby hash
{{"password"=>"{p}"}}

php array
'password' => '{p}',

php define
define('DB_PASSWORD', '{p}');

perl hash
password => '{p}',

js object
{{ apiKey: '{t}', region: 'x' }}

js const
const apiKey = '{t}';

ts typed
private readonly password: string = '{p}';

java
String password = "{p}";

java setter
config.setPassword("{p}");

go struct
Config{{User:me Password:{p} Port:1}}

go short
password := "{p}"

rust debug
Config {{ user: "me", password: "{p}" }}

rust some
Config {{ token: Some("{t}") }}

csharp
var password = @"{p}";

c define
#define API_KEY "{t}"

lisp
(setq api-key "{t}")

csv
name,password,role
ada,{p},admin

csv semicolon
id;user;passwd
1;ada;{p}

csv quoted
"user","password"
"ada","{p}"

tsv
user	token
ada	{t}

markdown table
| user | password |
|------|----------|
| ada  | {p} |

psql table
 id | name | password
----+------+----------
  1 | ada  | {p}

mysql table
+----+------+------------------+
| id | user | password         |
+----+------+------------------+
|  1 | ada  | {p} |
+----+------+------------------+

pandas frame
   user          password
0   ada  {p}

pandas series
user         ada
password     {p}
dtype: object

vertical table
     user: ada
 password: {p}

expanded psql
-[ RECORD 1 ]----
user     | ada
password | {p}

html table
<tr><th>Password</th><td>{p}</td></tr>

html definition
<dt>API key</dt><dd>{t}</dd>

rst field
:password: {p}

german passwort
Das Passwort lautet {p}

german kennwort
Kennwort: {p}

german zugangscode
kennwort={p}

spanish
contraseña: {p}

spanish ascii
contrasena = '{p}'

spanish clave
{{'clave': '{p}'}}

french
mot de passe : {p}

french key
mot_de_passe="{p}"

french short
mdp={p}

portuguese
senha: {p}

italian
parola d'ordine: {p}

dutch
wachtwoord = "{p}"

polish
hasło: {p}

polish ascii
{{'haslo': '{p}'}}

czech
heslo={p}

swedish
lösenord: {p}

danish
adgangskode: {p}

finnish
salasana: {p}

norwegian
passord: {p}

hungarian
jelszó: {p}

turkish
şifre: {p}

turkish parola
parola: {p}

russian
пароль: {p}

russian dict
{{'пароль': '{p}'}}

ukrainian
пароль = "{p}"

greek
κωδικός: {p}

chinese
密码：{p}

chinese colon
密码: {p}

chinese traditional
密碼: {p}

japanese
パスワード: {p}

japanese wide colon
パスワード：{p}

korean
비밀번호: {p}

arabic
كلمة المرور: {p}

hebrew
סיסמה: {p}

indonesian
kata sandi: {p}

vietnamese
mật khẩu: {p}

thai
รหัสผ่าน: {p}

romanian
parolă: {p}

abbreviation pw
pw: {p}

abbreviation pwd
pwd={p}

abbreviation psw
psw = '{p}'

abbreviation pass
pass: {p}

abbreviation passwd
passwd {p}

names user_pass
user_pass='{p}'

names dbpass
dbpass="{p}"

names smtp pass
smtp_pass = {p}

names credentials string
creds = 'ada:{p}'

names creds tuple
creds = ('ada', '{p}')

names auth list
auth = ['ada', '{p}']

names basic auth
basic_auth="ada:{p}"

names connection
connection_string = "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={b}="

names salt
password_salt = '{p}'

names pepper
PEPPER = '{p}'

names mnemonic
mnemonic = "{m}"

names seed phrase
seed phrase: {m}

names recovery
recovery_codes = ['{c}', '{c}']

names pin
pin = '845213'; pin_secret='{p}'

names hidden
hidden_key='{p}'

names access code
access_code = "{p}"

names wifi
WIFI:T:WPA;S:home;P:{p};;

names wpa
wpa_passphrase={p}

names psk
psk="{p}"

names snmp community
community_secret {p}

names ike
pre-shared-key "{p}"

names radius
RADIUS shared secret: {p}

cisco
enable secret 0 {p}

cisco user
username ada password 0 {p}

wireguard
PrivateKey = {b}=

sip
Authorization: Digest username="ada",realm="x",response="{h}"

kerberos
kinit ada <<< {p}

diff removed
- password: {p}

diff added
+api_key = "{t}"

pytest diff
E         -     'password': '{p}',
E         +     'password': 'other',

pytest funcarg
password = '{p}', user = 'ada'

pytest parameter
test_login[ada-password={p}]

hypothesis
Falsifying example: test_login(
    password='{p}',
)

doctest
Expected:
    password={p}

locals line
api_secret = '{p}'

source line
>       return connect(host, password="{p}")

source line token
    headers = {{"Authorization": "Bearer " + "{t}"}}

fstring
f"password={p}"

concatenation
password = 'abc' + '{p}'

list of lines
['password={p}', 'user=me']

dict repr in string
"{{'api_key': '{t}'}}"

bytes
b'password={p}'

bytes dict
{{b'password': b'{p}'}}

ansi
password: \x1b[32m'{p}'\x1b[0m

ansi rich
\x1b[33mpassword\x1b[0m=\x1b[32m'{p}'\x1b[0m

url encoded form
username=ada&password={p}&submit=1

multipart
Content-Disposition: form-data; name="password"\r\n\r\n{p}\r\n--boundary

graphql
mutation {{ login(user: "ada", password: "{p}") {{ id }} }}

graphql variables
{{"query": "x", "variables": {{"password": "{p}"}}}}

protobuf text
password: "{p}"

thrift
LoginRequest(user=ada, password={p})

lombok
User(name=ada, apiToken={t})

ldif
userPassword: {p}

saml
<saml:Assertion ID="x"><ds:SignatureValue>{b}{b}</ds:SignatureValue></saml:Assertion>

sentry dsn
dsn: https://{h}@o1.ingest.example.io/1

gcp metadata
"access_token":"{t}","expires_in":3599

oauth response
{{'access_token': '{t}', 'refresh_token': 'r', 'id_token': 'i'}}

oauth refresh
refresh_token={t}

device code
device_code: {t}

azure connection
DefaultEndpointsProtocol=https;AccountName=x;AccountKey={b}==;EndpointSuffix=core.windows.net

cosmos
AccountEndpoint=https://x.documents.azure.com:443/;AccountKey={b}==;

event hub
Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b}=

firebase
firebaseConfig = {{ apiKey: "{t}", projectId: "x" }}
'''


#: What is left of a secret is a leak from so many characters on.
LEAK = 8
_WORDS = ("tiger", "anchor", "violet", "copper", "meadow", "rocket", "winter", "pepper", "harbor", "candle")
_SIZED = re.compile(r"\{([tbh])(\d+)\}")


@dataclass(frozen=True)
class Form:
    """A way in which a text shows a secret: the text with it, and every secret that must be gone."""

    kind: str
    text: str
    secrets: tuple[str, ...]
    is_held_out: bool

    def leaks(self, shown: str) -> bool:
        """Whether a good part of a secret is in what is shown."""
        return any(
            secret[at : at + LEAK] in shown
            for secret in self.secrets
            for at in range(max(1, len(secret) - LEAK + 1))
        )


def forms(seed: int = 2026) -> list[Form]:
    """Return all forms; half of the kinds, drawn by lot, are held out."""
    found = dict(paragraph.split("\n", 1) for paragraph in _FORMS.strip("\n").split("\n\n"))
    held_out = set(random.Random(seed).sample(list(found), len(found) // 2))
    return [_form(kind, text, kind in held_out) for kind, text in found.items()]


def _form(kind: str, text: str, is_held_out: bool) -> Form:
    drawn = random.Random(kind)
    values = {
        "p": password(drawn),
        "t": token(drawn, 40),
        "T": token(drawn, 32, string.ascii_uppercase + "234567"),
        "h": token(drawn, 64, "0123456789abcdef"),
        "b": base64.b64encode(drawn.randbytes(33)).decode()[:43],
        "m": " ".join(drawn.choices(_WORDS, k=12)),
        "c": "-".join(token(drawn, 4, string.ascii_lowercase + string.digits) for _ in range(3)),
    }
    for match in _SIZED.finditer(text):
        values[match[1] + match[2]] = token(
            drawn, int(match[2]), "0123456789abcdef" if match[1] == "h" else LETTERS
        )
    names = [name for name in values if f"{{{name}}}" in text]
    filled = text.encode().decode("unicode_escape").encode("latin-1").decode() if "\\x1b" in text else text
    return Form(kind, filled.format_map(values), tuple(values[name] for name in names), is_held_out)


def password(drawn: random.Random) -> str:
    """Draw what people take for one, in one of six ways."""
    first, second = drawn.sample(_WORDS, 2)
    mark, number = drawn.choice("!#.~+"), drawn.randrange(1000, 9999)
    return drawn.choice(
        (
            f"{first}{number}{mark}{second}{drawn.randrange(10)}",
            f"{first.title()}{drawn.randrange(1990, 2030)}!",
            f"{first.title()}{second}".translate(str.maketrans("oeai", "0341")) + mark,
            token(drawn, 14, f"{LETTERS}!#*+~"),
            f"{first}{drawn.randrange(100, 999)}",
            f"{first}-{second}-{drawn.randrange(10, 99)}",
        )
    )


def token(drawn: random.Random, size: int, letters: str = LETTERS) -> str:
    """Draw a token of some size."""
    return "".join(drawn.choices(letters, k=size))
