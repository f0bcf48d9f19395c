"""Prefixes of links to other wikis."""

# No title begins with one of these and a colon. They must be listed, since nothing else
# distinguishes "fr:Agronomie", another wiki, from "Tucker: The Man and His Dream", an article.
LANGUAGE_PREFIXES = """
aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba
ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm bug
bxr ca cbk-zam cdo ce ceb ch cho chr chy ckb cmn co cr crh cs csb cu cv cy cz da dag de dga din diq
dk dsb dtp dty dv dz ee egl el eml en eo epo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr
fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr
hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jp jv ka kaa kab kaj
kbd kbp kcg kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn
lg li lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min minnan mk ml mn mni
mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nb nds nds-nl ne new ng nia nl nn no nov
nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt
pwn qu rki rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se sg sgs sh shi
shn shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay tcy tdd te
tet tg th ti tig tk tl tly tn to tok tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi
vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-cfr zh-classical zh-cn zh-min-nan
zh-tw zh-yue zu
"""
# The sister projects with their short names, and other sites with an interwiki prefix.
PROJECT_PREFIXES = """
b betawikiversity bugzilla c commons d f foundation incubator m mail mediawikiwiki meta metawiki
metawikimedia metawikipedia mw n nost nostalgia oldwikisource outreach outreachwiki phab phabricator
q quality s sep11 species strategy tenwiki test2wiki testwiki toolforge toollabs translatewiki
usability v voy w wikia wikibooks wikidata wikifunctions wikimania wikimedia wikinews wikiquote
wikisource wikispecies wikitech wikiversity wikivoyage wikt wiktionary wmf arxiv bibcode citizendium
doi google gutenberg hdl iarchive imdbname imdbtitle issn jstor memoryalpha oclc oeis openlibrary
orthodoxwiki planetmath pmid rfc sourceforge uncyclopedia unihan viaf wookieepedia
"""
LANGUAGES = frozenset(LANGUAGE_PREFIXES.split())
OTHER_WIKIS = LANGUAGES | frozenset(PROJECT_PREFIXES.split())
